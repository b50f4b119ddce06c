"""Records held for others, on disk: appended as they come, rewritten when half of the file is stale.

Belongs here: the file. Not here: which records are held (storage.py). Reading ends at damage, as after a power cut;
rewriting then cuts it off.
Entry: `length(2, big-endian) ‖ BLAKE2b-64(8) ‖ canonical [block, record]`; limit 12: nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from idas_p2p.directory.files import replace_file
from idas_p2p.errors import WireError
from idas_p2p.wire.canonical import pack, unpack

CHECKSUM_SIZE = 8  # bytes
HEADER_SIZE = 2 + CHECKSUM_SIZE  # bytes
SLACK = 1_048_576  # bytes of stale entries always tolerated


class Journal:
    """An append-only file of records.

    Args:
        path: the file; made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: list[bytes] = []
        self._size = path.stat().st_size if path.exists() else 0

    def append(self, block: str, data: bytes) -> None:
        """Note a record; it is on disk after the next `flush`."""
        self._pending.append(_entry(block, data))

    def flush(self) -> None:
        """Write what was noted.

        Raises:
            OSError: the disk is full or gone; nothing is forgotten.
        """
        if not self._pending:
            return
        entries = b"".join(self._pending)
        with self._path.open("ab") as file:
            try:
                file.write(entries)
                file.flush()  # no fsync: what a power cut takes, other holders have
            except OSError:
                os.truncate(self._path, self._size)  # half an entry would hide all later ones
                raise
        self._pending.clear()
        self._size += len(entries)

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Yield every whole entry: block and record."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            while len(header := file.read(HEADER_SIZE)) == HEADER_SIZE:
                body = file.read(int.from_bytes(header[:2], "big"))
                if _checksum(body) != header[2:]:
                    return
                try:
                    block, data = unpack(body, max_size=len(body))
                except (WireError, TypeError, ValueError):
                    return
                yield block, data

    def is_stale(self, live: int) -> bool:
        """Whether the file holds far more than `live` bytes of records."""
        return self._size > 2 * live + SLACK

    def rewrite(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Replace the file, at once and wholly, by these records."""
        self._pending.clear()
        self._size = replace_file(self._path, (_entry(block, data) for block, data in records))


def _entry(block: str, data: bytes) -> bytes:
    body = pack([block, data])
    return len(body).to_bytes(2, "big") + _checksum(body) + body


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=CHECKSUM_SIZE).digest()
