"""Bytes that may be large: in memory when small, in a file when not.

Belongs here: reading ranges of them. Not here: who creates or deletes the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

COMPARED: Final = 1_048_576  # bytes of each held while two are compared; ours


class Blob(Protocol):
    """A fixed sequence of bytes."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return up to `length` bytes from `offset`; all the rest when `length` is None."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryBlob:
    """Bytes held in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return up to `length` bytes from `offset`."""
        if offset == 0 and (length is None or length >= len(self.data)):
            return self.data
        return self.data[offset:] if length is None else self.data[offset : offset + length]


@dataclass(frozen=True, slots=True)
class FileBlob:
    """A range of a file.

    Args:
        path: an existing file; kept unchanged while the blob is in use.
        start: offset of the first byte.
        size: number of bytes.
    """

    path: Path
    start: int
    size: int

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return up to `length` bytes from `offset`.

        Raises:
            OSError: the file cannot be read.
        """
        left = max(0, self.size - offset)
        with self.path.open("rb") as file:
            file.seek(self.start + offset)
            return file.read(left if length is None else min(length, left))


def same_bytes(one: Blob, other: Blob) -> bool:
    """Whether two blobs have the same bytes; both are read piece by piece."""
    return one.size == other.size and all(
        one.read(offset, COMPARED) == other.read(offset, COMPARED) for offset in range(0, one.size, COMPARED)
    )


def pieces(blob: Blob, size: int) -> Iterator[bytes]:
    """Yield the blob's bytes in pieces of `size`, the last one shorter."""
    for offset in range(0, blob.size, size):
        yield blob.read(offset, size)
