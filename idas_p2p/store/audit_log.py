"""The files of the audit log: segments that only grow, readable by their owner alone, written by one process at a time.

Law: a frame is written whole or not at all; what cannot be read at the end of the last segment is set aside, never
thrown away. File names tell a number and nothing else. Belongs here: files. Not here: the chain (access/audit/),
when to write (node/auditing.py). Source: docs/spec/audit.md section 3.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from idas_p2p.errors import NodeAlreadyRunning
from idas_p2p.store.files import PART, disk_errors, make_folder, sync_folder
from idas_p2p.wire.audit import SegmentHead
from idas_p2p.wire.audit_file import Frame, frame, read_frames, read_start, segment_start

FOLDER: Final = "audit"  # in the node's folder
SUFFIX: Final = ".audit"
TORN: Final = ".torn"  # ends the name of what was set aside
LOCK: Final = "lock"


class Segment:
    """One file, read as it is now."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def size(self) -> int:
        """Bytes."""
        with disk_errors():
            return self.path.stat().st_size

    def data(self) -> bytes:
        """All of it."""
        with disk_errors():
            return self.path.read_bytes()

    def head(self) -> SegmentHead:
        """How it begins.

        Raises:
            WireError: it is no segment.
        """
        with disk_errors(), self.path.open("rb") as file:
            return read_start(file.read(2_048))[0]

    def frames(self) -> Iterator[Frame]:
        """Yield its records up to the first that is not whole; WireError when it is no segment."""
        data = self.data()
        _, offset = read_start(data)
        return read_frames(data, offset)


def segments(folder: Path) -> list[Segment]:
    """The segments in a log's folder, the oldest first."""
    with disk_errors():
        return [Segment(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]


class AuditLog:
    """The log, open for writing.

    Args:
        folder: made when it is not there.

    Raises:
        NodeAlreadyRunning: another process writes it.
        SpoolFull, StorageRefused: here and in every method.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None
        self._swapping = threading.Lock()  # `sync` runs in a thread of its own
        self.size = 0  # bytes of the segment being written
        with disk_errors():
            make_folder(folder)
            self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
                raise NodeAlreadyRunning(f"{folder} is being written") from None

    def segments(self) -> list[Segment]:
        """Every segment, the oldest first."""
        return segments(self.folder)

    def total_bytes(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self.segments())

    def begin(self, head: SegmentHead) -> None:
        """Write into a new segment from now on; the disk has it when this returns."""
        path = self.folder / f"{head.before + 1:020}{SUFFIX}"
        part = path.with_name(path.name + PART)
        data = segment_start(head)
        with disk_errors():
            part.unlink(missing_ok=True)  # left by a start that did not come to its end
            file = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                _write_whole(file, data, size=0)
                os.fsync(file)
                part.rename(path)
                sync_folder(self.folder)
            except BaseException:
                os.close(file)
                part.unlink(missing_ok=True)
                raise
        self._close_segment()
        self._file, self.size = file, len(data)

    def resume(self, segment: Segment, end: int) -> int:
        """Go on writing into a segment after its first `end` bytes; return how many behind them were set aside."""
        with disk_errors():
            file = os.open(segment.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            torn = segment.data()[end:]
            try:
                if torn:
                    self._set_aside(segment.path.stem, torn)
                    os.ftruncate(file, end)
                    os.fsync(file)
            except BaseException:
                os.close(file)
                raise
        self._close_segment()
        self._file, self.size = file, end
        return len(torn)

    def append(self, body: bytes, chain: bytes) -> None:
        """Write one record; the operating system has it when this returns: the end of the process does not lose it.

        A record that does not fit on the disk leaves no part of itself.
        """
        data = frame(body, chain)
        with disk_errors():
            _write_whole(self._open(), data, size=self.size)
        self.size += len(data)

    def sync(self) -> None:
        """Return when the disk has every record. May run beside `append` in another thread."""
        with disk_errors():
            with self._swapping:
                file = os.dup(self._open())
            try:
                os.fsync(file)
            finally:
                os.close(file)

    def drop(self, segment: Segment) -> None:
        """Remove a segment."""
        with disk_errors():
            segment.path.unlink()
            sync_folder(self.folder)

    def close(self) -> None:
        """Let others write. May be repeated."""
        self._close_segment()
        with suppress(OSError):
            os.close(self._lock)

    def _open(self) -> int:
        if self._file is None:
            raise OSError("no segment is open")
        return self._file

    def _close_segment(self) -> None:
        with self._swapping:
            file, self._file = self._file, None
        if file is not None:
            with disk_errors():
                try:
                    os.fsync(file)
                finally:
                    os.close(file)

    def _set_aside(self, stem: str, torn: bytes) -> None:
        for number in range(1_000):
            path = self.folder / f"{stem}.{number}{TORN}"
            with suppress(FileExistsError):
                file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
                try:
                    _write_whole(file, torn, size=0)
                    os.fsync(file)
                finally:
                    os.close(file)
                return
        raise OSError("too many torn ends were set aside")


def _write_whole(file: int, data: bytes, *, size: int) -> None:
    """Write all of it, or take back what was written."""
    written = 0
    try:
        while written < len(data):
            written += os.write(file, data[written:])
    except OSError:
        if written:
            os.ftruncate(file, size)
        raise
