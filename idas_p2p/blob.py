"""Bytes that may be large: in memory when small, in a file when not.

Belongs here: reading ranges of them. Not here: who creates or deletes the files.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

Octets = bytes | memoryview
"""Bytes that nobody changes; a view shows some of others without a copy of them."""


class Blob(Protocol):
    """A fixed sequence of bytes."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return up to `length` bytes from `offset`; all the rest when `length` is None."""
        ...


class BlobChanged(OSError):
    """The bytes behind a blob are others than when it was made."""


@dataclass(frozen=True, slots=True)
class MemoryBlob:
    """Bytes held in memory.

    Args:
        data: the bytes.
        digest: of a data set, when somebody has made it (crypto/digest.py): nobody need make it again. Empty: not yet.
    """

    data: bytes
    digest: bytes = field(default=b"", repr=False, compare=False)

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
        with _Opened(self.path) as file:
            return _read(file, self.start + offset, left if length is None else min(length, left))


@dataclass(frozen=True, slots=True)
class WatchedFile:
    """A range of a file that others may change: read as long as it is the same one.

    Args:
        path: an existing file.
        start: offset of the first byte.
        size: number of bytes.
        mark: of the file when the blob was made, see `mark_of`.
    """

    path: Path
    start: int
    size: int
    mark: tuple[int, int, int]

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return up to `length` bytes from `offset`.

        Raises:
            BlobChanged: the file was changed, replaced or removed.
            OSError: it cannot be read.
        """
        try:
            with _Opened(self.path) as file:
                left = max(0, self.size - offset)
                data = _read(file, self.start + offset, left if length is None else min(length, left))
                mark = mark_of(os.fstat(file))
        except FileNotFoundError:
            raise BlobChanged(errno.ESTALE, "a file was removed") from None
        if mark != self.mark:  # looked at after reading: what was read before a change is the old content
            raise BlobChanged(errno.ESTALE, "a file was changed")
        return data


class _Opened:
    """A file's descriptor for a `with` block: a file object costs more than the bytes of a small data set."""

    __slots__ = ("_file", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> int:
        self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return self._file

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _read(file: int, start: int, size: int) -> bytes:
    """Up to `size` bytes from `start`; fewer only at the end of the file."""
    data = os.pread(file, size, start)
    while len(data) < size and (more := os.pread(file, size - len(data), start + len(data))):
        data += more  # one call gives 2 GiB at most
    return data


def mark_of(status: os.stat_result) -> tuple[int, int, int]:
    """What tells a file from another under its name, and from itself before a change: inode, size, time in ns."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def view(blob: Blob, offset: int, length: int) -> Octets:
    """As `blob.read`, without a copy where the bytes are in memory."""
    return (
        memoryview(blob.data)[offset : offset + length] if isinstance(blob, MemoryBlob) else blob.read(offset, length)
    )


def pieces(blob: Blob, size: int) -> Iterator[bytes]:
    """Yield the blob's bytes in pieces of `size`, the last one shorter."""
    for offset in range(0, blob.size, size):
        yield blob.read(offset, size)
