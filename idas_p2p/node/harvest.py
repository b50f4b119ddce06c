"""Asks every archive what it holds, again and again, and keeps the catalog true to it.

Law: one query at a time per archive; a study vanishes from the catalog only when a window that should hold it was read
to its end without it, and not at all when an answer may have been cut; an archive that is down is left alone for a
while, longer each time, and costs nobody else.
Belongs here: when to ask for which dates. Not here: reading the answers (reading.py), asking (dicom/client.py).
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.errors import ArchiveFailed, ArchiveUnreachable, IdasError
from idas_p2p.events import log_event
from idas_p2p.node.reading import Reader
from idas_p2p.node.repeating import repeat
from idas_p2p.node.sources import EMBEDDED, ArchiveSource, Sources
from idas_p2p.node.windows import EVERYTHING, OLDEST, left_to_read, window_before, windows
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.feed import FOREIGN
from idas_p2p.store.settings import Archive
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.hours import Hours

FORGOTTEN_AT_ONCE: Final = 500  # studies of a removed archive, before others get a turn: about 25 ms; ours
FIRST_LOOK: Final = 10_000  # studies that are asked for at once; ours: more by windows of dates, which load it less
WHOLE: Final = 200  # studies; up to this an archive is read whole each time, in one query; ours
SHARE: Final = 0.01  # of a larger archive's older studies are read in each round; ours: looking again costs little
SAMPLE: Final = 0.03  # of the studies in an answer that may have been cut are asked for again; ours
LEAST_SHARE: Final = 20  # studies; ours
SHORTEST_WATCH: Final = 2.0  # seconds between two looks at a folder; ours
WATCH_SHARE: Final = 20.0  # times as long as a look at a folder takes is the pause after it; ours: 5 % of a core
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


def closed_for(archive: Archive, now: time.struct_time) -> float:
    """Seconds until an archive may be searched; 0 when it may be now. `now` is local time."""
    if not archive.hours:
        return 0.0
    return Hours.parse(archive.hours).wait(now.tm_hour * 3_600 + now.tm_min * 60 + now.tm_sec)


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
        self._reader = Reader(catalog, clock=clock)

    def configure(self) -> None:
        """Follow the configuration now in force: stop what is gone or changed, start what is new."""
        wanted = {archive.name: archive for archive in self._sources.archives()}
        ending: dict[str, asyncio.Task[None]] = {}
        for name, (archive, task) in list(self._running.items()):
            if wanted.get(name) != archive:
                task.cancel()
                self._reader.forget(name)
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
        if (closed := closed_for(archive, time.localtime(self._clock.now()))) > 0:
            return closed
        source, begin = self._sources.get(archive.name), self._clock.monotonic()
        if source is not None:
            try:
                await self.harvest(archive, source)
            except (ArchiveUnreachable, ArchiveFailed) as error:
                return self._failed(archive, error)
        return pause_after(archive, self._clock.monotonic() - begin)

    async def harvest(self, archive: Archive, source: ArchiveSource) -> None:
        """Go once over the archive the first time, where a failure stopped it; later over its newest and some older.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it does not answer properly.
        """
        state, count = self._catalog.harvest_state(archive.name), self._studies_of(archive.name)
        if archive.kind == "folder":
            await self._reader.read_everything(archive, source)
        elif not state.last_ok or count <= WHOLE:
            stopped_at = "" if state.last_ok else state.cursor
            if stopped_at or not await self._is_whole(archive, source):
                await self._read_windows(archive, source, stopped_at)
            elif state.last_ok and self._reader.needs_closer_look(archive.name):
                await self._reader.read(archive, source, next(windows(self._today())))
        else:
            await self._look_again(archive, source, state.cursor, count)
            return
        self._note(archive, cursor="")

    async def _is_whole(self, archive: Archive, source: ArchiveSource) -> bool:
        """Ask for everything at once; whether that was all, as far as a look at some of it can tell."""
        if await self._reader.read_everything(archive, source, limit=FIRST_LOOK):
            return True
        count = self._studies_of(archive.name)
        if count <= WHOLE or not self._reader.needs_closer_look(archive.name):
            return False
        newest, some = next(windows(self._today())), max(LEAST_SHARE, int(SAMPLE * count))
        await self._reader.read(archive, source, newest)
        middle = self._catalog.day_back(archive.name, newest.first, count // 2) or newest.first
        sample = window_before(middle, self._catalog.day_back(archive.name, middle, some))
        await self._reader.read(archive, source, sample)
        return self._studies_of(archive.name) <= count

    async def _read_windows(self, archive: Archive, source: ArchiveSource, cursor: str) -> None:
        """Read window after window, the newest first; a failure loses none of those before."""
        for window in left_to_read(self._today(), cursor):
            if window == EVERYTHING:
                await self._reader.read_everything(archive, source, is_last=True)
                continue
            await self._reader.read(archive, source, window)
            state = self._catalog.harvest_state(archive.name)
            if not state.last_ok and not window.is_newest:
                self._catalog.set_harvest_state(archive.name, replace(state, cursor=window.first))

    async def _look_again(self, archive: Archive, source: ArchiveSource, cursor: str, count: int) -> None:
        """Read the newest window and the next few of the older studies, from the newest to the oldest and again."""
        newest = next(windows(self._today()))
        await self._reader.read(archive, source, newest)
        if cursor == f"{OLDEST:%Y%m%d}":  # those without a date are left
            await self._reader.read_everything(archive, source)
            self._note(archive, cursor="")
            return
        before = min(cursor or newest.first, newest.first)
        some = max(LEAST_SHARE, int(SHARE * count))
        window = window_before(before, self._catalog.day_back(archive.name, before, some))
        await self._reader.read(archive, source, window)
        self._note(archive, cursor=window.first)

    def _today(self) -> datetime.date:
        return datetime.datetime.fromtimestamp(self._clock.now(), datetime.UTC).date()

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
