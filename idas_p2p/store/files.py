"""Files that are whole or not there, and that only their owner can read.

A new file is written under a name ending in `.part`, which nobody reads, then renamed. Names are random: they
identify nobody. Belongs here: folders, new files, what a full disk means. Not here: which files belong to what.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from idas_p2p.blob import Octets
from idas_p2p.errors import SpoolFull, StorageRefused

PART: Final = ".part"  # ends the name of a file that is not whole yet
NAME_SIZE: Final = 16  # random bytes in a file's name
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def disk_errors() -> Iterator[None]:
    """Give the operating system's refusals their names.

    Raises:
        SpoolFull: no space, quota used up, or larger than a file may be here.
        StorageRefused: permissions, read-only disk, input/output error.
    """
    try:
        yield
    except OSError as error:
        kind = SpoolFull if error.errno in _NO_SPACE else StorageRefused
        raise kind(errno.errorcode.get(error.errno or 0, "OSError")) from error


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, that only the owner may enter; one that exists keeps its permissions."""
    for missing in reversed([path, *path.parents]):
        with suppress(FileExistsError):
            missing.mkdir(mode=0o700)


def sync_folder(path: Path) -> None:
    """Return when the disk knows the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def part_of(path: Path) -> Path:
    """The name of a file while it is not whole."""
    return path.with_name(path.name + PART)


class NewFile:
    """A file being written; whole under its own name after `keep`, gone after `discard`, left for later after `park`.

    Args:
        path: where it shall be; its folder exists, the file does not.
        start: bytes to keep of a parked file; None for a new one.

    Raises:
        SpoolFull, StorageRefused: here and in every method.
    """

    def __init__(self, path: Path, *, start: int | None = None) -> None:
        self.path = path
        self._part = part_of(path)
        how = os.O_CREAT | os.O_EXCL if start is None else 0
        with disk_errors():
            descriptor = os.open(self._part, how | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "wb", buffering=0)
            self._file.seek(start or 0)  # what lies behind it is written over

    def write(self, piece: Octets) -> None:
        """Append bytes."""
        with disk_errors():
            self._write_all(piece)

    def flush(self) -> None:
        """Return when the operating system has what was written."""

    def keep(self, *, durable: bool) -> None:
        """Give the file its name.

        Args:
            durable: return only when the disk has content and name, so that a power cut cannot lose them.
        """
        with disk_errors():
            if durable:
                os.fsync(self._file.fileno())
            self._file.close()
            self._part.rename(self.path)
            if durable:
                sync_folder(self.path.parent)

    def park(self) -> None:
        """Leave the file unfinished as it is."""
        with disk_errors():
            self._file.close()

    def discard(self) -> None:
        """Remove what was written, named or not. May be repeated."""
        with disk_errors():
            self._file.close()
            self._part.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)

    def _write_at(self, offset: int, piece: Octets) -> None:
        """Write at an offset, over what may be there."""
        with disk_errors():
            self._file.seek(offset)
            self._write_all(piece)

    def _write_all(self, piece: Octets) -> None:
        view = memoryview(piece)
        while view:
            view = view[self._file.write(view) :]
