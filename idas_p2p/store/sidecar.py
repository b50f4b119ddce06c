"""The file beside an unfinished instance: what was announced of it, then a line for each verified chunk.

Law: it is only appended to, each record after the bytes it speaks of; a record cut off or changed ends it there. So
after `kill -9` the instance goes on at its last verified chunk. A record is `length(2, big-endian) ‖ record`: first the
names, size and digest, canonically packed, then `end(8, big-endian) ‖ digest(16)` for each chunk.
Belongs here: that file. Not here: comparing it with the bytes (place.py).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from idas_p2p.errors import BadSignature, WireError
from idas_p2p.store.files import disk_errors
from idas_p2p.store.forms import Form, file_name
from idas_p2p.wire.canonical import pack, unpack

KEPT: Final = ".kept"  # ends the name of a sidecar
PREFIX_DIGEST_SIZE: Final = 16  # bytes; the first of BLAKE3 of all bytes up to the end of a chunk
MAX_RECORD_SIZE: Final = 65_535  # bytes; what its length can say
_NAMES: Final = ("study_uid", "series_uid", "sop_class_uid", "sop_instance_uid", "transfer_syntax_uid")


@dataclass(frozen=True, slots=True)
class Mark:
    """One verified chunk."""

    end: int  # bytes from the start of the data set to the end of the chunk
    digest: bytes  # PREFIX_DIGEST_SIZE bytes
    offset: int  # bytes of the sidecar up to and with this record
    number: int  # of the record; the names are 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a sidecar says."""

    announced: dict[str, Any]  # names, size and digest, by column of spool_instances
    marks: tuple[Mark, ...]  # with growing ends


class Sidecar:
    """A sidecar being written; the file appears with the first record.

    Args:
        path: of the instance's data.
        form: how it lies on the disk.
        announced: names, size and digest of the instance.
        after: the last record to keep of one that exists; None for a new one.
    """

    def __init__(self, path: Path, form: Form, announced: dict[str, Any], *, after: Mark | None) -> None:
        self._path, self._form, self._announced = sidecar_of(path), form, announced
        self._name = file_name(path)
        self.last = after
        self._file: int | None = None

    def append(self, end: int, digest: bytes) -> None:
        """Record that the bytes up to `end` are on the disk and have this digest.

        Raises:
            SpoolFull, StorageRefused: the disk is full or failed.
        """
        before, offset = (self.last.number, self.last.offset) if self.last else (0, 0)
        records = b"" if self.last else self._framed(0, pack_names(self._announced))
        records += self._framed(before + 1, end.to_bytes(8, "big") + digest)
        with disk_errors():
            if self._file is None:
                self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
                os.ftruncate(self._file, offset)
            if os.pwrite(self._file, records, offset) < len(records):
                raise OSError(errno.ENOSPC, "cut short")
        self.last = Mark(end, digest, offset + len(records), before + 1)

    def close(self) -> None:
        """Leave it as it is. May be repeated."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def remove(self) -> None:
        """Close and remove it. May be repeated."""
        self.close()
        with disk_errors():
            self._path.unlink(missing_ok=True)

    def _framed(self, number: int, record: bytes) -> bytes:
        wrapped = self._form.wrap(self._name, number, record)
        return len(wrapped).to_bytes(2, "big") + wrapped


def sidecar_of(path: Path) -> Path:
    """Where the sidecar of an instance's data is."""
    return path.with_name(path.name + KEPT)


def read_sidecar(path: Path, form: Form) -> Recorded | None:
    """What the sidecar of an instance's data says, as far as it is readable; None when that is nothing."""
    name, marks = file_name(path), list[Mark]()
    announced: dict[str, Any] | None = None
    for number, (wrapped, offset) in enumerate(records(sidecar_of(path).read_bytes())):
        try:
            record = form.unwrap(name, number, wrapped)
            if number == 0:
                announced = unpack_names(record)
                continue
        except (BadSignature, WireError):
            break
        end = int.from_bytes(record[:8], "big")
        grows = end > (marks[-1].end if marks else 0)
        if announced is None or len(record) != 8 + PREFIX_DIGEST_SIZE or not grows or end > announced["size"]:
            break
        marks.append(Mark(end, record[8:], offset, number))
    return Recorded(announced, tuple(marks)) if announced is not None and marks else None


def records(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Each complete record and the offset of its end."""
    offset = 0
    while offset + 2 <= len(data):
        end = offset + 2 + int.from_bytes(data[offset : offset + 2], "big")
        if end > len(data):
            return
        yield data[offset + 2 : end], end
        offset = end


def pack_names(announced: Mapping[str, Any]) -> bytes:
    """The record of an instance's names, size and digest."""
    return pack([*(announced[name] for name in _NAMES), announced["size"], announced["digest"]])


def unpack_names(record: bytes) -> dict[str, Any]:
    """The names, size and digest in such a record.

    Raises:
        WireError: they are not there.
    """
    values = unpack(record, max_size=MAX_RECORD_SIZE)
    kinds = [*(str for _ in _NAMES), int, bytes]
    if not isinstance(values, list) or [type(value) for value in values] != kinds:
        raise WireError("no names")
    return dict(zip((*_NAMES, "size", "digest"), values, strict=True))
