"""How a file of the spool lies on the disk: as it is, or sealed piece by piece with a key.

Law: a sealed file can be read at any offset, and whatever was changed, cut, moved or taken from another file is noticed
before a byte of it is used. A piece is `nonce(24) ‖ ciphertext ‖ tag(16)` of 64 KiB, the last one shorter, bound to the
file's name and the piece's number. Belongs here: bytes on the disk. Not here: which files there are (spool.py).
Source: XChaCha20-Poly1305, crypto/box.py.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from idas_p2p.blob import Blob, BlobChanged, FileBlob, Octets, pieces
from idas_p2p.crypto.box import OVERHEAD, open_sealed, seal
from idas_p2p.errors import BadSignature
from idas_p2p.store.files import NewFile, disk_errors, part_of

PIECE: Final = 65_536  # bytes sealed at once; ours: what a reader of one byte has to decrypt
SEALED_PIECE: Final = PIECE + OVERHEAD  # bytes on the disk
COPY: Final = 1_048_576  # bytes copied at once where nothing is sealed; ours
SUFFIX: Final = ".sealed"  # ends the name of a sealed file


@dataclass(frozen=True, slots=True)
class Form:
    """One of the two ways.

    Args:
        key: 32 bytes to seal with; empty: as it is.
    """

    key: bytes = field(default=b"", repr=False)

    @property
    def suffix(self) -> str:
        """Ends the names of its files."""
        return SUFFIX if self.key else ""

    def file(self, path: Path, *, start: int | None = None) -> NewFile:
        """A new file; with `start`, a parked one, to go on after that many bytes of content."""
        return SealedFile(path, self.key, start=start) if self.key else NewFile(path, start=start)

    def blob(self, path: Path, size: int, *, start: int | None = None, whole: bool = True) -> Blob:
        """The content of a file.

        Args:
            path: the file.
            size: bytes of content.
            start: where in a file of several contents it was put; None: it is the only one.
            whole: False when the file may hold more than that.
        """
        if self.key:
            first = None if start is None else start // SEALED_PIECE
            return SealedBlob(path, size, self.key, first=first, whole=whole)
        return FileBlob(path, start or 0, size)

    def extent(self, size: int) -> int:
        """Bytes of a file that holds several contents, from the start of one of `size` bytes to the next."""
        return -(-size // PIECE) * SEALED_PIECE if self.key else size

    def put(self, file: int, name: str, start: int, data: Blob) -> None:
        """Write a content into a file that holds several.

        Args:
            file: its descriptor.
            name: its name, as in `file_name`.
            start: where, a sum of extents.
            data: the content.

        Raises:
            OSError: the disk is full or failed, or the content cannot be read.
        """
        for number, piece in enumerate(pieces(data, PIECE if self.key else COPY)):
            place = start + number * (SEALED_PIECE if self.key else COPY)
            if self.key:
                piece = _sealed(self.key, name, start // SEALED_PIECE + number, piece)
            if os.pwrite(file, piece, place) < len(piece):
                raise OSError(errno.ENOSPC, "cut short")

    def disk_size(self, size: int) -> int:
        """Bytes on the disk of a file with `size` bytes of content."""
        return size + -(-size // PIECE) * OVERHEAD if self.key else size

    def content_size(self, disk_size: int) -> int:
        """Bytes of content that a file of so many bytes has at most."""
        full, rest = divmod(disk_size, SEALED_PIECE)
        return full * PIECE + max(0, rest - OVERHEAD) if self.key else disk_size

    def wrap(self, name: str, number: int, record: bytes) -> bytes:
        """Make a small record, the `number`th beside a file of that name, ready for the disk."""
        return seal(self.key, record, context=_context(b"record", name, number)) if self.key else record

    def unwrap(self, name: str, number: int, record: bytes) -> bytes:
        """Reverse `wrap`.

        Raises:
            BadSignature: it is another one, or was changed.
        """
        return open_sealed(self.key, record, context=_context(b"record", name, number)) if self.key else record


@dataclass(frozen=True, slots=True)
class SealedBlob:
    """The content of a sealed file.

    Args:
        path: kept unchanged while the blob is in use.
        size: bytes of content.
        key: 32 bytes.
        first: number of its first piece in a file of several contents; None: it is the only one.
        whole: False when the file may hold more than `size`.
    """

    path: Path
    size: int
    key: bytes = field(repr=False)
    first: int | None = None
    whole: bool = True

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return up to `length` bytes from `offset`.

        Raises:
            BlobChanged: the file was changed, or is shorter or longer than it should be.
            OSError: it cannot be read.
        """
        end = self.size if length is None else min(self.size, offset + length)
        if offset >= end:
            return b""
        first, last = offset // PIECE, (end - 1) // PIECE
        with self.path.open("rb") as file:
            file.seek(((self.first or 0) + first) * SEALED_PIECE)
            opened = [self._open(number, file.read(SEALED_PIECE)) for number in range(first, last + 1)]
        return b"".join(opened)[offset - first * PIECE : end - first * PIECE]

    def _open(self, number: int, sealed: bytes) -> bytes:
        expected = min(PIECE, self.size - number * PIECE)
        if self.first is not None:  # other contents follow
            sealed, number = sealed[: expected + OVERHEAD], self.first + number
        try:
            piece = open_sealed(self.key, sealed, context=_context(b"piece", file_name(self.path), number))
        except BadSignature:
            piece = b""
        if len(piece) < expected or (self.whole and len(piece) > expected):
            raise BlobChanged(errno.EBADMSG, "a sealed file was changed")
        return piece


class SealedFile(NewFile):
    """A sealed file being written. What `flush` returned for is on the disk, the last piece of it in part.

    Args:
        path: where it shall be.
        key: 32 bytes.
        start: bytes of content to keep of an unfinished file; None for a new one.
    """

    def __init__(self, path: Path, key: bytes, *, start: int | None = None) -> None:
        self._key, self._name = key, file_name(path)
        self._full = (start or 0) // PIECE  # pieces that are complete on the disk
        self._tail = bytearray()  # content after them
        if start is not None:
            kept = SealedBlob(part_of(path), start, key, whole=False)
            with disk_errors():
                self._tail += kept.read(self._full * PIECE)
        super().__init__(path, start=start)

    def write(self, piece: Octets) -> None:
        """Append bytes; those of a piece not complete wait for `flush` or more."""
        self._tail += piece
        while len(self._tail) >= PIECE:
            self._put(bytes(self._tail[:PIECE]))
            del self._tail[:PIECE]
            self._full += 1

    def flush(self) -> None:
        """Put the last piece on the disk as it is now; more bytes replace it."""
        if self._tail:
            self._put(bytes(self._tail))

    def keep(self, *, durable: bool) -> None:
        """As NewFile.keep."""
        self.flush()
        super().keep(durable=durable)

    def _put(self, piece: bytes) -> None:
        self._write_at(self._full * SEALED_PIECE, _sealed(self._key, self._name, self._full, piece))


def file_name(path: Path) -> str:
    """The random part of a file's name, the same before and after it is whole."""
    return path.name.partition(".")[0]


def _sealed(key: bytes, name: str, number: int, piece: bytes) -> bytes:
    return seal(key, piece, context=_context(b"piece", name, number))


def _context(kind: bytes, name: str, number: int) -> bytes:
    return kind + name.encode() + number.to_bytes(8, "big")
