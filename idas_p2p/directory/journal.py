"""Records held for others, on disk: appended as they come, rewritten when half of the file is stale.

Belongs here: the file. Not here: which records are held (storage.py), when to write (keeping.py). Reading ends at
damage, as after a power cut, which is then cut off. A kill at any moment leaves a file with all that was flushed.
Entry: `length(2, big-endian) ‖ BLAKE2b-64(8) ‖ canonical [block, record]`; limit 12: nothing is ever unpickled.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from io import BufferedWriter
from itertools import islice
from pathlib import Path

from idas_p2p.errors import WireError
from idas_p2p.wire.canonical import pack, unpack

CHECKSUM_SIZE = 8  # bytes
HEADER_SIZE = 2 + CHECKSUM_SIZE  # bytes
SLACK = 1_048_576  # bytes of stale entries always tolerated
FLUSHED_AT_ONCE = 2_048  # entries written before others get a turn: under 1 MB, a millisecond or two; ours
REWRITTEN_AT_ONCE = 128  # likewise; these are also encoded: half a millisecond; ours


class Journal:
    """An append-only file of records.

    Args:
        path: the file; made when it is read and missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(path.name + ".new")
        self._pending: deque[bytes] = deque()
        self._size = path.stat().st_size if path.exists() else 0
        self._beside: BufferedWriter | None = None  # what will replace the file, while it is being written

    def append(self, block: str, data: bytes) -> None:
        """Note a record; it is on disk after the next `flush`."""
        self._pending.append(_entry(block, data))

    def flush(self) -> bool:
        """Write some of what was noted; returns whether more waits.

        Raises:
            OSError: the disk is full or gone; nothing is forgotten.
        """
        some = list(islice(self._pending, FLUSHED_AT_ONCE))
        if not some:
            return False
        entries = b"".join(some)
        with self._path.open("ab") as file:
            try:
                file.write(entries)
                file.flush()  # no fsync: what a power cut takes, other holders have
            except OSError:
                os.truncate(self._path, self._size)  # half an entry would hide all later ones
                raise
        self._size += len(entries)
        for _ in some:
            self._pending.popleft()
        if self._beside is not None:
            try:
                self._beside.write(entries)
            except OSError:
                self._beside = None  # `rewrite` gives up
                raise
        return bool(self._pending)

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Yield every whole entry: block and record. When all were read, what is damaged is cut off.

        Raises:
            OSError: the file can be neither read nor made.
        """
        self._path.touch()
        sound = 0  # bytes
        with self._path.open("rb") as file:
            while len(header := file.read(HEADER_SIZE)) == HEADER_SIZE:
                body = file.read(int.from_bytes(header[:2], "big"))
                if _checksum(body) != header[2:]:
                    break
                try:
                    block, data = unpack(body, max_size=len(body))
                except (WireError, TypeError, ValueError):
                    break
                yield block, data
                sound += HEADER_SIZE + len(body)
        if sound != self._size:
            os.truncate(self._path, sound)
            self._size = sound

    def is_stale(self, live: int) -> bool:
        """Whether the file holds far more than `live` bytes of records."""
        return self._size > 2 * live + SLACK

    async def rewrite(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Replace the file, at once and wholly, by these records and those appended meanwhile.

        Records are taken a few at a time, and others get their turn in between.

        Raises:
            OSError: the disk is full or gone; the file is as it was, with what was appended.
        """
        try:
            with self._new.open("wb") as file:
                self._beside = file
                entries = (_entry(block, data) for block, data in records)
                while some := b"".join(islice(entries, REWRITTEN_AT_ONCE)):
                    file.write(some)
                    self.flush()
                    await asyncio.sleep(0)
                file.flush()
                # The one thing a thread is given: a disk may take seconds, and nothing of ours is touched there.
                await asyncio.to_thread(os.fsync, file.fileno())
                while self.flush():
                    pass
                if self._beside is not file:
                    raise OSError("what was appended meanwhile could not be written twice")
                file.flush()
                self._new.replace(self._path)
                self._size = file.tell()
        finally:
            self._beside = None
            self._new.unlink(missing_ok=True)


def _entry(block: str, data: bytes) -> bytes:
    body = pack([block, data])
    return len(body).to_bytes(2, "big") + _checksum(body) + body


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=CHECKSUM_SIZE).digest()
