"""Asks every archive what it holds, again and again, and keeps the catalog true to it.

Law: one query at a time per archive; a study vanishes from the catalog only when a window that should hold it was read
to its end without it; an archive that is down is left alone for a while, longer each time, and costs nobody else.
Belongs here: when to ask for which dates. Not here: asking (dicom/client.py), the rows (store/catalog.py).
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.errors import IdasError
from idas_p2p.events import log_event, log_failure
from idas_p2p.node.sources import EMBEDDED, ArchiveSource, Sources
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.settings import Archive
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

BATCH: Final = 200  # studies written to the catalog at once; ours
SMALL: Final = 2_000  # studies; up to this an archive is read whole each time, in one query; ours
BUDGET: Final = 0.5  # of the poll interval may go by in queries before older windows wait for the next round; ours
LONGEST_BACK_OFF: Final = 60.0  # seconds an archive that is down is left alone; ours
OLDEST: Final = datetime.date(1900, 1, 1)
_WINDOW_DAYS: Final = (7, 30, 90, 180, 365, 365, 730, 1_460, 3_650)  # from today backwards; then to OLDEST in one


@dataclass(frozen=True, slots=True)
class Window:
    """Study dates from first to last, `YYYYMMDD`, both included; both empty: every study, also those without a date."""

    first: str
    last: str

    @property
    def query(self) -> StudyQuery:
        """What to ask for."""
        return StudyQuery.of({"StudyDate": f"{self.first}-{self.last}"} if self.first else {})


EVERYTHING: Final = Window("", "")


def windows(today: datetime.date) -> Iterator[Window]:
    """Windows that together hold every study, newest first; the last one is for studies without a readable date."""
    last = datetime.date(9999, 12, 31)
    for days in _WINDOW_DAYS:
        first = min(today, last) - datetime.timedelta(days=days)
        if first <= OLDEST:
            break
        yield Window(f"{first:%Y%m%d}", f"{last:%Y%m%d}")
        last = first - datetime.timedelta(days=1)
    yield Window("19000101", f"{last:%Y%m%d}")
    yield EVERYTHING


def back_off(failures: int, poll_seconds: float) -> float:
    """Seconds to leave an archive alone after so many failures in a row."""
    return min(poll_seconds * 2.0 ** min(failures, 16), max(LONGEST_BACK_OFF, poll_seconds))


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

    def configure(self) -> None:
        """Follow the configuration now in force: stop what is gone or changed, start what is new."""
        wanted = {archive.name: archive for archive in self._sources.archives()}
        for name, (archive, task) in list(self._running.items()):
            if wanted.get(name) != archive:
                task.cancel()
                del self._running[name]
        for count in self._catalog.counts():
            if count.archive not in wanted and count.archive != EMBEDDED:
                self._catalog.forget_archive(count.archive, now=self._clock.now())
        for name, archive in wanted.items():
            if name not in self._running:
                self._running[name] = archive, self._tasks.start(f"harvest {name}", self._run(archive))

    async def _run(self, archive: Archive) -> None:
        while True:
            source = self._sources.get(archive.name)
            if source is None:
                return
            pause = archive.poll_seconds
            try:
                await self.harvest(archive, source)
            except IdasError as error:
                pause = self._failed(archive, error)
            except Exception as error:  # a bug with one archive must not end its harvest for good
                log_failure("harvest_failed", error, archive=archive.name)
                pause = back_off(1, archive.poll_seconds)
            await asyncio.sleep(pause)

    async def harvest(self, archive: Archive, source: ArchiveSource) -> None:
        """Go once over the archive, or over as much of it as the time allows.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it does not answer properly.
        """
        state = self._catalog.harvest_state(archive.name)
        begin = self._clock.monotonic()
        if archive.kind == "folder" or (state.last_ok and self._studies_of(archive.name) <= SMALL):
            await self._read(archive, source, EVERYTHING)
        else:
            skip = state.cursor
            for window in windows(datetime.datetime.fromtimestamp(self._clock.now(), datetime.UTC).date()):
                is_newest = window.last.startswith("9999")
                if skip and not is_newest:
                    skip = "" if window.first == skip else skip
                    continue
                await self._read(archive, source, window)
                late = self._clock.monotonic() - begin > BUDGET * archive.poll_seconds
                if late and state.last_ok and window != EVERYTHING:
                    self._note(archive, cursor=window.first)
                    return
        self._note(archive, cursor="")

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

    async def _read(self, archive: Archive, source: ArchiveSource, window: Window) -> None:
        known = self._known(archive.name, window)
        seen, new, changed = set[str](), 0, 0
        async with aclosing(source.find_studies(window.query)) as studies:  # type: ignore[type-var]
            async for batch in _batches(studies):
                changes = self._catalog.record(archive.name, batch, now=self._clock.now())
                new, changed = new + changes.new, changed + changes.changed
                seen.update(study.study_uid for study in batch)
                await asyncio.sleep(0)  # other work between two batches
        vanished = self._catalog.forget(archive.name, known - seen, now=self._clock.now())
        if new or changed or vanished:
            log_event("archive_harvested", archive=archive.name, count=new + changed, failed=vanished)

    def _known(self, name: str, window: Window) -> set[str]:
        known = set(self._catalog.known(name, window.first or "00000000", window.last or "99999999"))
        return known if window.first else known | set(self._catalog.known(name, "", ""))


async def _batches(studies: AsyncIterator[Study]) -> AsyncIterator[list[Study]]:
    batch: list[Study] = []
    async for study in studies:
        batch.append(study)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
