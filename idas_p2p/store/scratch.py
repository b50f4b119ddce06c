"""Data sets kept for the time of one piece of work, in the spool's folder and within its bound.

Law: they lie one after another in a few files, since a file for each small one would take longer than its bytes; a file
goes when nothing refers to it any more, and nothing of it is used after a restart.
Belongs here: these files. Not here: when to keep a data set (node/keeping.py).
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from idas_p2p.blob import Blob
from idas_p2p.errors import StorageRefused
from idas_p2p.store.files import NAME_SIZE, disk_errors, make_folder
from idas_p2p.store.forms import Form, file_name

SEGMENT: Final = 67_108_864  # bytes after which a new file begins; ours: space comes back file by file


class _Segment:
    """One file of several data sets; removed when nothing refers to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self.end = 0  # bytes
        self.size = 0  # bytes of the data sets put into it
        self.kept = 0  # data sets that were not dropped
        self._closing = weakref.finalize(self, os.close, self.file)
        weakref.finalize(self, path.unlink, missing_ok=True)

    def close(self) -> None:
        """Let nothing more be written. May be repeated."""
        self._closing()


@dataclass(frozen=True, slots=True)
class ScratchBlob:
    """A data set in one of the files; good for as long as it is referred to."""

    content: Blob
    segment: _Segment = field(repr=False)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.content.size

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return up to `length` bytes from `offset`.

        Raises:
            OSError: the file cannot be read or was changed.
        """
        return self.content.read(offset, length)


class Scratch:
    """A place for data sets; safe to use from several threads.

    Args:
        folder: made with the first one; may be shared.
        form: how they lie on the disk.
        reserve: takes space of the spool; raises SpoolFull.
        release: gives it back.
        random_bytes: gives that many unpredictable bytes.
    """

    def __init__(
        self,
        folder: Path,
        form: Form,
        reserve: Callable[[int], None],
        release: Callable[[int], None],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._folder, self._form, self._random_bytes = folder, form, random_bytes
        self._reserve, self._release = reserve, release
        self._lock = threading.Lock()
        self._segments: list[_Segment] = []
        self._held = 0  # bytes of files that lie elsewhere
        self._is_closed = False

    @property
    def seals(self) -> bool:
        """Whether what is kept here is sealed."""
        return bool(self._form.key)

    def hold(self, size: int) -> None:
        """Let a file that lies elsewhere, with an end of its own, count within the bound.

        Raises:
            SpoolFull: there is no room for it.
        """
        with self._lock:
            if not self._is_closed:
                self._reserve(size)
                self._held += size

    def free(self, size: int) -> None:
        """Count it no more."""
        with self._lock:
            if not self._is_closed:
                self._release(size)
                self._held -= size

    def keep(self, data: Blob) -> ScratchBlob:
        """Copy a data set into a file.

        Raises:
            SpoolFull: the spool or the disk has no room for it.
            StorageRefused: the disk failed, or this is closed.
        """
        with self._lock:
            if self._is_closed:
                raise StorageRefused("the work is over")
            self._reserve(data.size)
            try:
                with disk_errors():
                    segment = self._segment()
                    self._form.put(segment.file, file_name(segment.path), segment.end, data)
            except BaseException:
                self._release(data.size)
                raise
            content = self._form.blob(segment.path, data.size, start=segment.end)
            segment.end += self._form.extent(data.size)
            segment.size += data.size
            segment.kept += 1
            return ScratchBlob(content, segment)

    def drop(self, blob: ScratchBlob) -> None:
        """Say once that a data set is not needed any more; its space comes back with the last one of its file."""
        with self._lock:
            segment = blob.segment
            segment.kept -= 1
            if not segment.kept and segment in self._segments and segment is not self._segments[-1]:
                self._remove(segment)

    def close(self) -> None:
        """Give back all space. May be repeated."""
        with self._lock:
            self._is_closed = True
            self._release(self._held)
            self._held = 0
            for segment in list(self._segments):
                self._remove(segment)

    def _segment(self) -> _Segment:
        """The file to go on in."""
        if not self._segments or self._segments[-1].end >= SEGMENT:
            make_folder(self._folder)
            full = self._segments[-1] if self._segments else None
            self._segments.append(_Segment(self._folder / (self._random_bytes(NAME_SIZE).hex() + self._form.suffix)))
            if full is not None:
                full.close()
                if not full.kept:
                    self._remove(full)
        return self._segments[-1]

    def _remove(self, segment: _Segment) -> None:
        self._segments.remove(segment)
        segment.close()
        self._release(segment.size)
