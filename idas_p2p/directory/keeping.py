"""Keeps a node's files true to what it holds and knows, a few milliseconds of the event loop at a time.

Belongs here: when to expire, write and rewrite. Not here: the form of the files (journal.py, files.py), what is held
(storage.py). A full disk costs the copy on disk, not the service.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

from idas_p2p.directory.files import load_contacts, save_contacts
from idas_p2p.directory.journal import Journal
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.storage import RecordStore
from idas_p2p.events import log_event, log_failure
from idas_p2p.wire.address import Contact

EXPIRE_EVERY = 30  # sweeps: what has expired is not served meanwhile, it only takes room
READ_AT_ONCE = 128  # entries restored before others get a turn: about 3 ms; ours
EXPIRED_AT_ONCE = 4_096  # keys looked at before others get a turn: about 1 ms; ours


class Keeper:
    """Keeps held records and known contacts over restarts.

    Args:
        storage: records held for others.
        storage_path: their file, or None.
        known_contacts_path: the contacts' file, or None.
        pace: intervals.
    """

    def __init__(
        self, storage: RecordStore, *, storage_path: Path | None, known_contacts_path: Path | None, pace: Pace
    ) -> None:
        self._storage, self._pace = storage, pace
        self._journal = Journal(storage_path) if storage_path else None
        self._known_path = known_contacts_path
        self.saved = load_contacts(known_contacts_path) if known_contacts_path else []

    async def restore(self) -> None:
        """Take in what the journal holds; what is stored from now on goes into it.

        Raises:
            OSError: the file cannot be read.
        """
        if self._journal is None:
            return
        for number, (block, data) in enumerate(self._journal.read(), 1):
            self._storage.offer(data, block=block, trusted=True)
            if number % READ_AT_ONCE == 0:
                await asyncio.sleep(0)
        await self._expire()
        self._storage.on_stored = self._journal.append
        log_event("directory_restored", count=self._storage.usage.records)

    async def run(self, known: Callable[[], list[Contact]]) -> None:
        """For ever: drop what has expired, and bring the files up to date.

        Args:
            known: tells the contacts to keep.
        """
        for turn in itertools.count():
            await asyncio.sleep(self._pace.sweep)
            if turn % EXPIRE_EVERY == 0:
                await self._expire()
            try:
                await self._write(known())
            except OSError as error:
                log_failure("directory_files_not_written", error)

    def close(self, known: list[Contact]) -> None:
        """Write what is not written yet; the event loop waits for it."""
        try:
            while self._journal is not None and self._journal.flush():
                pass
            self._save(known)
        except OSError as error:
            log_failure("directory_files_not_written", error)

    async def _write(self, known: list[Contact]) -> None:
        if self._journal is not None:
            while self._journal.flush():  # noqa: ASYNC110  # a turn for others, not a wait
                await asyncio.sleep(0)
            if self._journal.is_stale(self._storage.usage.size):
                await self._journal.rewrite((slot.block, slot.data) for slot in self._storage.slots())
        self._save(known)

    def _save(self, known: list[Contact]) -> None:
        if self._known_path is not None and known != self.saved:
            save_contacts(self._known_path, known)
            self.saved = known

    async def _expire(self) -> None:
        keys = self._storage.keys()
        for start in range(0, len(keys), EXPIRED_AT_ONCE):
            self._storage.expire(keys[start : start + EXPIRED_AT_ONCE])
            await asyncio.sleep(0)
