"""Data sets kept for the time of one piece of work, in the spool's folder and within its bound.

Law: they lie one after another in a few files, since a file for each small one would take longer than its bytes;
nothing of them is used after a restart: the spool removes what it does not know. Belongs here: these files. Not here:
when to keep one (node/shelf.py).
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from idas_p2p.blob import Blob
from idas_p2p.errors import StorageRefused
from idas_p2p.store.files import NAME_SIZE, disk_errors, make_folder
from idas_p2p.store.forms import Form, file_name

SEGMENT: Final = 67_108_864  # bytes after which a new file begins; ours: space comes back file by file


@dataclass(slots=True, eq=False)
class _Segment:
    """One file of several data sets."""

    path: Path
    file: int  # its descriptor
    end: int = 0  # bytes
    size: int = 0  # bytes of the data sets put into it
    kept: dict[int, Blob] = field(default_factory=dict)  # the blobs that are still needed, by id()


class Scratch:
    """A place for data sets; safe to use from several threads.

    Args:
        folder: made with the first one.
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
        self._is_closed = False

    def keep(self, data: Blob) -> Blob:
        """Copy a data set into a file; the blob returned is good until it is dropped.

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
            blob = self._form.blob(segment.path, data.size, start=segment.end)
            segment.end += self._form.extent(data.size)
            segment.size += data.size
            segment.kept[id(blob)] = blob
            return blob

    def drop(self, blob: Blob) -> None:
        """Say that a data set is not needed any more; its space comes back with the last one of its file."""
        with self._lock:
            for segment in self._segments:
                if id(blob) in segment.kept:
                    del segment.kept[id(blob)]
                    if not segment.kept and (segment is not self._segments[-1] or segment.end >= SEGMENT):
                        self._remove(segment)
                    return

    def close(self) -> None:
        """Remove everything. May be repeated."""
        with self._lock:
            self._is_closed = True
            for segment in list(self._segments):
                self._remove(segment)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _segment(self) -> _Segment:
        """The file to go on in."""
        if not self._segments or self._segments[-1].end >= SEGMENT:
            make_folder(self._folder)
            path = self._folder / (self._random_bytes(NAME_SIZE).hex() + self._form.suffix)
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            self._segments.append(_Segment(path, file))
        return self._segments[-1]

    def _remove(self, segment: _Segment) -> None:
        self._segments.remove(segment)
        os.close(segment.file)
        segment.path.unlink(missing_ok=True)
        self._release(segment.size)
