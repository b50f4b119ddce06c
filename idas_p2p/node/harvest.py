"""Asks every archive what it holds, again and again, and keeps the catalog true to it.

Law: one query at a time per archive; a study vanishes from the catalog only when a window that should hold it was read
to its end without it, and not at all when an answer may have been cut; an archive that is down is left alone for a
while, longer each time, and costs nobody else.
Belongs here: when to ask for which dates. Not here: asking (dicom/client.py), the rows (store/catalog.py).
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.errors import AnswerTooLarge, ArchiveFailed, ArchiveUnreachable, IdasError
from idas_p2p.events import log_event
from idas_p2p.node.caps import Caps
from idas_p2p.node.repeating import repeat
from idas_p2p.node.sources import EMBEDDED, ArchiveSource, Sources
from idas_p2p.node.windows import EVERYTHING, Window, left_to_read
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.feed import FOREIGN
from idas_p2p.store.settings import Archive
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

BATCH: Final = 200  # studies written to the catalog at once; ours
FORGOTTEN_AT_ONCE: Final = 500  # studies of a removed archive, before others get a turn: about 25 ms; ours
SMALL: Final = 2_000  # studies; up to this an archive is read whole each time, in one query; ours
BUDGET: Final = 0.5  # of the poll interval may go by in queries before older windows wait for the next round; ours
SHORTEST_WATCH: Final = 2.0  # seconds between two looks at a folder; ours
WATCH_SHARE: Final = 20.0  # times as long as a look at a folder takes is the pause after it; ours: 5 % of a core
CONFIRMED_AT_ONCE: Final = 49  # studies asked for by name; ours: fewer than any archive caps its answers at
LONGEST_BACK_OFF: Final = 60.0  # seconds an archive that is down is left alone; ours


def back_off(failures: int, poll_seconds: float) -> float:
    """Seconds to leave an archive alone after so many failures in a row."""
    return min(poll_seconds * 2.0 ** min(failures, 16), max(LONGEST_BACK_OFF, poll_seconds))


def pause_after(archive: Archive, seconds: float) -> float:
    """Seconds from the end of a harvest to the next; a folder is watched as closely as looking at it is cheap.

    Args:
        archive: whose poll interval is the longest pause.
        seconds: this harvest took.
    """
    if archive.kind != "folder":
        return archive.poll_seconds
    return min(archive.poll_seconds, max(SHORTEST_WATCH, WATCH_SHARE * seconds))


class Harvester:
    """Harvests all archives.

    Args:
        sources: the archives.
        catalog: to keep true.
        clock: the time.
        tasks: owns one task per archive.
    """

    def __init__(self, sources: Sources, catalog: Catalog, *, clock: Clock, tasks: TaskOwner) -> None:
        self._sources, self._catalog, self._clock, self._tasks = sources, catalog, clock, tasks
        self._running: dict[str, tuple[Archive, asyncio.Task[None]]] = {}
        self._forgetting: dict[str, asyncio.Task[None]] = {}
        self._caps = Caps()

    def configure(self) -> None:
        """Follow the configuration now in force: stop what is gone or changed, start what is new."""
        wanted = {archive.name: archive for archive in self._sources.archives()}
        ending: dict[str, asyncio.Task[None]] = {}
        for name, (archive, task) in list(self._running.items()):
            if wanted.get(name) != archive:
                task.cancel()
                self._caps.forget(name)
                ending[name] = self._running.pop(name)[1]
        for name in {count.archive for count in self._catalog.counts()} - wanted.keys() - {EMBEDDED, FOREIGN}:
            if name not in self._forgetting:
                self._forgetting[name] = self._tasks.start("harvest.forget", self._forget(name, ending.get(name)))
        for name, archive in wanted.items():
            if name not in self._running:
                earlier = [task for task in (ending.get(name), self._forgetting.get(name)) if task is not None]
                self._running[name] = archive, self._tasks.start("harvest", self._run(archive, earlier))

    async def _forget(self, name: str, ending: asyncio.Task[None] | None) -> None:
        """Forget an archive that is configured no more, some studies at a time; a restart goes on with it."""
        try:
            if ending is not None:
                await asyncio.wait([ending])
            while self._catalog.forget_archive(name, now=self._clock.now(), limit=FORGOTTEN_AT_ONCE):  # noqa: ASYNC110
                await asyncio.sleep(0)
        finally:
            del self._forgetting[name]

    async def _run(self, archive: Archive, earlier: Sequence[asyncio.Task[None]]) -> None:
        """Harvest an archive for ever; what is under way for an earlier configuration ends first."""
        if earlier:
            await asyncio.wait(earlier)
        await repeat("harvest", lambda: self._turn(archive), after_failure=back_off(1, archive.poll_seconds))

    async def _turn(self, archive: Archive) -> float:
        source, begin = self._sources.get(archive.name), self._clock.monotonic()
        if source is not None:
            try:
                await self.harvest(archive, source)
            except (ArchiveUnreachable, ArchiveFailed) as error:
                return self._failed(archive, error)
        return pause_after(archive, self._clock.monotonic() - begin)

    async def harvest(self, archive: Archive, source: ArchiveSource) -> None:
        """Go once over the archive, or over as much of it as the time allows.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it does not answer properly.
        """
        state = self._catalog.harvest_state(archive.name)
        begin = self._clock.monotonic()
        is_small = archive.kind == "folder" or (state.last_ok and self._studies_of(archive.name) <= SMALL)
        if not is_small or not await self._read_everything(archive, source):
            today = datetime.datetime.fromtimestamp(self._clock.now(), datetime.UTC).date()
            for window in left_to_read(today, state.cursor):
                if window == EVERYTHING:
                    await self._read_everything(archive, source)
                    continue
                await self._read(archive, source, window)
                late = self._clock.monotonic() - begin > BUDGET * archive.poll_seconds
                if late and state.last_ok and not window.is_newest:
                    self._note(archive, cursor=window.first)
                    return
        self._note(archive, cursor="")

    async def _read_everything(self, archive: Archive, source: ArchiveSource) -> bool:
        """Ask for every study at once, those without a date among them; whether the answer was whole.

        The other windows are the closer look at an answer that may have been cut.
        """
        known, seen = self._known(archive.name, EVERYTHING), dict[str, str]()
        try:
            changed = await self._record(archive, source, EVERYTHING, seen)
        except AnswerTooLarge:
            log_event("window_too_large", archive=archive.name, count=len(seen))
            return False
        gone = known - seen.keys()
        if archive.kind != "folder" and self._caps.is_doubtful(archive.name, EVERYTHING, len(seen)):
            if len(gone) > CONFIRMED_AT_ONCE:
                log_event("window_too_large", archive=archive.name, count=len(seen))
                return False
            gone = await self._confirmed(source, gone)
            self._caps.learn(archive.name, EVERYTHING, len(seen), len(known | seen.keys()) - len(gone))
        self._end_window(archive, changed, gone)
        return True

    def _studies_of(self, name: str) -> int:
        return sum(count.studies for count in self._catalog.counts() if count.archive == name)

    def _note(self, archive: Archive, *, cursor: str) -> None:
        state = self._catalog.harvest_state(archive.name)
        if state.failures:
            log_event("archive_answers_again", archive=archive.name)
        state = replace(state, cursor=cursor, last_ok=self._clock.now(), last_error="", failures=0)
        self._catalog.set_harvest_state(archive.name, state)

    def _failed(self, archive: Archive, error: IdasError) -> float:
        state = self._catalog.harvest_state(archive.name)
        state = replace(state, last_error=error.code, failures=state.failures + 1)
        self._catalog.set_harvest_state(archive.name, state)
        log_event("archive_failed", archive=archive.name, reason=error.code, next_step=error.explanation())
        return back_off(state.failures, archive.poll_seconds)

    async def _read(self, archive: Archive, source: ArchiveSource, window: Window) -> set[str]:
        """Read a window to its end, in halves when it holds more than one answer may; the UIDs of its studies."""
        known, seen = self._known(archive.name, window), dict[str, str]()
        changed, is_whole = 0, True
        try:
            changed = await self._record(archive, source, window, seen)
        except AnswerTooLarge:
            is_whole = False
        if is_whole and not self._caps.is_doubtful(archive.name, window, len(seen)):
            self._end_window(archive, changed, known - seen.keys())
            return set(seen)
        if (halves := window.halves(seen.values())) is None:
            # perhaps more studies of one day than can be asked for: what was read stays, what is gone is made sure of
            log_event("window_too_large", archive=archive.name, count=len(seen))
            missing = sorted(known - seen.keys())[:CONFIRMED_AT_ONCE]
            self._end_window(archive, changed, await self._confirmed(source, set(missing)))
            return set(seen)
        found = set(seen)
        for half in halves:
            found |= await self._read(archive, source, half)
        if is_whole:
            self._caps.learn(archive.name, window, len(seen), len(found))
        return found

    async def _confirmed(self, source: ArchiveSource, uids: set[str]) -> set[str]:
        """Those of a few studies that the archive does not have, asked by name."""
        if not uids:
            return uids
        query = StudyQuery.of({"StudyInstanceUID": "\\".join(sorted(uids))})
        async with aclosing(source.find_studies(query)) as studies:  # type: ignore[type-var]
            return uids - {study.study_uid async for study in studies}

    def _end_window(self, archive: Archive, changed: int, gone: set[str]) -> None:
        """Forget what vanished from a window that was read to its end."""
        vanished = self._catalog.forget(archive.name, gone, now=self._clock.now())
        if changed or vanished:
            log_event("archive_harvested", archive=archive.name, count=changed, failed=vanished)

    async def _record(self, archive: Archive, source: ArchiveSource, window: Window, seen: dict[str, str]) -> int:
        """Write a window's studies to the catalog as they come; how many were new or changed. `seen`: dates by UID."""
        changed = 0
        batch: list[Study] = []
        async with aclosing(source.find_studies(window.query)) as studies:  # type: ignore[type-var]
            async for study in studies:
                seen[study.study_uid] = study.study_date
                batch.append(study)
                if len(batch) == BATCH:
                    changed += self._write(archive.name, batch)
                    batch = []
                    await asyncio.sleep(0)  # other work between two batches
        return changed + self._write(archive.name, batch)

    def _write(self, name: str, batch: list[Study]) -> int:
        changes = self._catalog.record(name, batch, now=self._clock.now())
        return changes.new + changes.changed

    def _known(self, name: str, window: Window) -> set[str]:
        known = set(self._catalog.known(name, window.first or "00000000", window.last or "99999999"))
        return known if window.first else known | set(self._catalog.known(name, "", ""))
