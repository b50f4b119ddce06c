"""The smaller instances of one transfer, one after another in few files: a file and a row each take longer than bytes.

Law: bytes come first, then their record in the index beside them, so that `kill -9` loses nothing that was finished;
what is dropped is recorded as dropped, and its space comes back with the transfer's. A record cut off or changed, or
one whose bytes are not all there, ends its file. A record is `length(2, big-endian) ‖ record`: names, size and digest,
canonically packed, or file and start of one that is dropped. Data sets lie in the order of their records.
Belongs here: these files. Not here: writing an instance (gathered_writer.py), its transfer's other files (place.py).
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from idas_p2p.blob import Blob, MemoryBlob
from idas_p2p.errors import BadSignature, WireError
from idas_p2p.store.files import NAME_SIZE, disk_errors
from idas_p2p.store.forms import Form, file_name
from idas_p2p.store.sidecar import MAX_RECORD_SIZE, pack_names, records, unpack_names
from idas_p2p.wire.canonical import pack, unpack

INDEX: Final = ".index"  # ends the name of an index
RECENT: Final = 1_048_576  # bytes of the newest data sets kept in memory too; ours: they are looked at right away

Row = dict[str, Any]
"""Names, size and digest by column of spool_instances, its `file`, and its `start` in there, in bytes on the disk."""


@dataclass(slots=True)
class Recent:
    """The newest data sets, by file and start."""

    held: dict[tuple[str, int], bytes] = field(default_factory=dict)
    size: int = 0  # bytes

    def add(self, key: tuple[str, int], data: bytes) -> None:
        """Take one more, and let the oldest go."""
        self.held[key] = data
        self.size += len(data)
        while self.size > RECENT:
            self.size -= len(self.held.pop(next(iter(self.held))))


@dataclass(frozen=True, slots=True)
class GatheredBlob:
    """A data set in one of the files."""

    content: Blob
    key: tuple[str, int]  # file and start
    recent: Recent = field(repr=False, compare=False)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.content.size

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return up to `length` bytes from `offset`.

        Raises:
            OSError: the file cannot be read or was changed.
        """
        data = self.recent.held.get(self.key)
        return (self.content if data is None else MemoryBlob(data)).read(offset, length)


class _Writing:
    """The file that grows, and its index."""

    def __init__(self, path: Path, form: Form) -> None:
        self.name, self._short, self._form = path.name, file_name(path), form
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        self._data = os.open(path, flags, 0o600)
        self._closing = [weakref.finalize(self, os.close, self._data)]
        self._index = os.open(path.with_name(path.name + INDEX), flags, 0o600)
        self._closing.append(weakref.finalize(self, os.close, self._index))
        self.end = 0  # bytes of the file
        self._index_end, self._number = 0, 0  # bytes and records of the index

    def put(self, data: bytes, record: bytes) -> None:
        self._form.put(self._data, self._short, self.end, MemoryBlob(data))
        self.note(record)
        self.end += self._form.extent(len(data))

    def note(self, record: bytes) -> None:
        wrapped = self._form.wrap(self._short, self._number, record)
        framed = len(wrapped).to_bytes(2, "big") + wrapped
        if os.pwrite(self._index, framed, self._index_end) < len(framed):
            raise OSError("cut short")
        self._index_end += len(framed)
        self._number += 1

    def close(self) -> None:
        for closing in self._closing:
            closing()


class Gathered:
    """The smaller instances of one transfer. Not safe to use from several threads: its place's lock is held around it.

    Args:
        folder: of the transfer.
        form: of an existing file, by its name; None when it must not be used.
        new: of new files.
        random_bytes: gives that many unpredictable bytes.
    """

    def __init__(
        self, folder: Path, *, form: Callable[[str], Form | None], new: Form, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._folder, self._form, self._new, self._random_bytes = folder, form, new, random_bytes
        self.rows: dict[str, Row] = {}
        """By SOP Instance UID."""
        self.size = 0
        """Bytes of all data sets, those dropped included."""
        self._recent = Recent()
        self._writing: _Writing | None = None

    def add(self, announced: Mapping[str, Any], data: bytes) -> Row:
        """Keep a whole and verified instance; from now on it survives the node's death.

        Raises:
            SpoolFull, StorageRefused: the disk is full or failed.
        """
        with disk_errors():
            writing = self._file()
            start = writing.end
            writing.put(data, pack_names(announced))
        row = {**announced, "file": writing.name, "start": start}
        self._recent.add((writing.name, start), data)
        self.rows[row["sop_instance_uid"]] = row
        self.size += len(data)
        return row

    def drop(self, sop_instance_uid: str) -> None:
        """Forget an instance; nothing happens when it is not here.

        Raises:
            SpoolFull, StorageRefused: the disk is full or failed.
        """
        if sop_instance_uid in self.rows:
            with disk_errors():
                row = self.rows[sop_instance_uid]
                self._file().note(pack([row["file"], row["start"]]))
            del self.rows[sop_instance_uid]

    def blob(self, row: Row) -> GatheredBlob:
        """An instance's data."""
        form = self._form(row["file"]) or Form()
        content = form.blob(self._folder / row["file"], row["size"], start=row["start"])
        return GatheredBlob(content, (row["file"], row["start"]), self._recent)

    def find(self, sizes: Mapping[str, int]) -> set[str]:
        """At start: look for what is there; return the names of the files that stay.

        Args:
            sizes: bytes of each file of the folder, by name.
        """
        rows, dropped, stay = list[Row](), set[tuple[str, int]](), set[str]()
        for name in [name.removesuffix(INDEX) for name in sizes if name.endswith(INDEX)]:
            form = self._form(name)
            if form is not None and name in sizes:
                self._read(name, form, sizes[name], rows, dropped)
                stay |= {name, name + INDEX}
        self.size = sum(row["size"] for row in rows)
        self.rows = {row["sop_instance_uid"]: row for row in rows if (row["file"], row["start"]) not in dropped}
        return stay

    def _read(self, name: str, form: Form, size: int, rows: list[Row], dropped: set[tuple[str, int]]) -> None:
        """Take what the index of a file of `size` bytes says."""
        start = 0
        for number, (wrapped, _) in enumerate(records((self._folder / (name + INDEX)).read_bytes())):
            try:
                record = form.unwrap(file_name(Path(name)), number, wrapped)
                if (place := _dropped_in(record)) is not None:
                    dropped.add(place)
                    continue
                announced = unpack_names(record)
            except (BadSignature, WireError):
                return
            if start + form.disk_size(announced["size"]) > size:
                return
            rows.append({**announced, "file": name, "start": start})
            start += form.extent(announced["size"])

    def close(self) -> None:
        """Let go of the open files; what comes later goes to new ones. May be repeated."""
        if self._writing is not None:
            self._writing.close()
            self._writing = None

    def _file(self) -> _Writing:
        if self._writing is None:
            name = self._random_bytes(NAME_SIZE).hex() + self._new.suffix
            self._writing = _Writing(self._folder / name, self._new)
        return self._writing


def _dropped_in(record: bytes) -> tuple[str, int] | None:
    """Where the data set lies that a record drops; None when it drops none."""
    plain = unpack(record, max_size=MAX_RECORD_SIZE)
    if isinstance(plain, list) and [type(value) for value in plain] == [str, int]:
        return plain[0], plain[1]
    return None
