"""One archive's windows, read to their end into the catalog.

Law: a study vanishes from the catalog only when a window that should hold it was read to its end without it, and not at
all when the answer may have been cut, unless the archive says of that very study that it does not have it.
Belongs here: reading a window. Not here: which window when (harvest.py), the doubt (caps.py), rows (store/catalog.py).
"""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.errors import AnswerTooLarge
from idas_p2p.events import log_event
from idas_p2p.node.caps import Caps
from idas_p2p.node.sources import ArchiveSource
from idas_p2p.node.windows import EVERYTHING, Window
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.settings import Archive
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

BATCH: Final = 200  # studies written to the catalog at once; ours

CONFIRMED_AT_ONCE: Final = 49  # studies asked for by name; ours: fewer than any archive caps its answers at


class Reader:
    """Reads archives, one window at a time each.

    Args:
        catalog: to keep true.
        clock: the time.
    """

    def __init__(self, catalog: Catalog, *, clock: Clock) -> None:
        self._catalog, self._clock, self._caps = catalog, clock, Caps()
        self._round = set[str]()  # archives

    def forget(self, archive: str) -> None:
        """The archive is configured anew."""
        self._caps.forget(archive)

    async def read_everything(
        self, archive: Archive, source: ArchiveSource, *, limit: float = math.inf, is_last: bool = False
    ) -> bool:
        """Ask for every study at once, those without a date among them; whether the answer was certainly whole.

        Args:
            archive: whose.
            source: answers.
            limit: studies; more are not whole.
            is_last: every other window was read before, which is the closer look at a doubtful answer.
        """
        known, seen = self._known(archive.name, EVERYTHING), dict[str, str]()
        try:
            changed = await self._record(archive, source, EVERYTHING, seen, limit=limit)
        except AnswerTooLarge:
            log_event("window_too_large", archive=archive.name, count=len(seen))
            return False
        gone, name, count = known - seen.keys(), archive.name, len(seen)
        self._round.discard(name)
        if archive.kind == "folder" or not self._caps.is_round(name, count):
            self._end_window(archive, changed, gone)
            return True
        self._round.add(name)
        is_certain = len(gone) <= CONFIRMED_AT_ONCE
        gone = await self._confirmed(source, gone)
        self._end_window(archive, changed, gone)
        held = len(known | seen.keys()) - len(gone)
        if is_last or (is_certain and held > count):
            self._caps.learn(name, EVERYTHING, count, held)
        return not self._caps.is_doubtful(name, EVERYTHING, count)

    def needs_closer_look(self, archive: str) -> bool:
        """Whether the last answer to a question for everything is silent about what came since it was cleared."""
        return archive in self._round

    async def read(self, archive: Archive, source: ArchiveSource, window: Window) -> set[str]:
        """Read a window to its end, in halves when it holds more than one answer may; the UIDs of its studies."""
        known, seen = self._known(archive.name, window), dict[str, str]()
        changed, is_whole = 0, True
        try:
            changed = await self._record(archive, source, window, seen)
        except AnswerTooLarge:
            is_whole = False
        if is_whole and not self._caps.is_doubtful(archive.name, window, len(seen)):
            gone = known - seen.keys()
            is_round = self._caps.is_round(archive.name, len(seen))
            self._end_window(archive, changed, await self._confirmed(source, gone) if is_round else gone)
            return set(seen)
        if (halves := window.halves(seen.values())) is None:
            # perhaps more studies of one day than can be asked for: what was read stays, what is gone is made sure of
            log_event("window_too_large", archive=archive.name, count=len(seen))
            self._end_window(archive, changed, await self._confirmed(source, known - seen.keys()))
            return set(seen)
        found = set(seen)
        for half in halves:
            found |= await self.read(archive, source, half)
        if is_whole:
            self._caps.learn(archive.name, window, len(seen), len(found))
        return found

    async def _confirmed(self, source: ArchiveSource, uids: set[str]) -> set[str]:
        """Those among studies that the archive does not have, asked by name; of many, a few each time."""
        asked = set(sorted(uids)[:CONFIRMED_AT_ONCE])
        if not asked:
            return asked
        query = StudyQuery.of({"StudyInstanceUID": "\\".join(sorted(asked))})
        async with aclosing(source.find_studies(query)) as studies:  # type: ignore[type-var]
            return asked - {study.study_uid async for study in studies}

    def _end_window(self, archive: Archive, changed: int, gone: set[str]) -> None:
        """Forget what vanished from a window that was read to its end."""
        vanished = self._catalog.forget(archive.name, gone, now=self._clock.now())
        if changed or vanished:
            log_event("archive_harvested", archive=archive.name, count=changed, failed=vanished)

    async def _record(
        self,
        archive: Archive,
        source: ArchiveSource,
        window: Window,
        seen: dict[str, str],
        *,
        limit: float = math.inf,
    ) -> int:
        """Write a window's studies to the catalog as they come; how many were new or changed. `seen`: dates by UID.

        Raises:
            AnswerTooLarge: there are more than `limit`.
        """
        changed = 0
        batch: list[Study] = []
        async with aclosing(source.find_studies(window.query)) as studies:  # type: ignore[type-var]
            async for study in studies:
                if len(seen) >= limit:
                    raise AnswerTooLarge
                seen[study.study_uid] = study.study_date
                batch.append(study)
                if len(batch) == BATCH:
                    changed += self._write(archive.name, batch)
                    batch = []
                    await asyncio.sleep(0)  # other work between two batches
        return changed + self._write(archive.name, batch)

    def _write(self, name: str, batch: list[Study]) -> int:
        # what a power cut takes is asked for again: writes are lost in order, and the state of the harvest comes later
        changes = self._catalog.record(name, batch, now=self._clock.now(), durable=False)
        return changes.new + changes.changed

    def _known(self, name: str, window: Window) -> set[str]:
        known = set(self._catalog.known(name, window.first or "00000000", window.last or "99999999"))
        return known if window.first else known | set(self._catalog.known(name, "", ""))
