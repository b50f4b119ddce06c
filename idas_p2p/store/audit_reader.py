"""Reading the audit log: from a record on, or only what may hold some text.

Law: reading needs no index, so there is nothing beside the log that could say something else. A text that is looked for
is sought in a segment's bytes first, for a canonical record holds its texts as they are; only records in which it lies
are decoded. Belongs here: bytes. Not here: what records mean (access/audit/search.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from idas_p2p.errors import WireError
from idas_p2p.store.audit_log import Segment, segments
from idas_p2p.wire.audit import MAX_RECORD_BYTES
from idas_p2p.wire.audit_file import Frame, read_frames, read_start

MAX_READ = 2 * MAX_RECORD_BYTES  # bytes read at once; ours: the largest record fits


class LogReader:
    """Reads records one after another, and remembers where it was.

    Args:
        folder: of the log.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at: tuple[Path, int, int] | None = None  # file, offset, number of the last record read

    def after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """At most `limit` records after one, oldest first, each with its number; none when there is none yet.

        Where records after it were let go, those that are kept come at once.
        """
        if self._at is None or self._at[2] != number:
            self._at = self._find(number)
        while self._at is not None:
            path, offset, last = self._at
            found = []
            for frame in self._frames(path, offset):
                last += 1
                found.append((last, frame.body))
                offset = frame.end
                if len(found) == limit:
                    break
            self._at = (path, offset, last)
            if found:
                return found
            following = next((one for one in segments(self._folder) if one.path > path), None)
            if following is None:
                return []
            self._at = _start(following)
        return []

    def _find(self, number: int) -> tuple[Path, int, int] | None:
        """Where the records after one begin."""
        place: tuple[Path, int, int] | None = None
        for segment in segments(self._folder):
            begin = _start(segment)
            if place is not None and begin[2] > number:
                break
            place = begin
        if place is None or place[2] >= number:
            return place
        path, offset, last = place
        for frame in segment_frames(path, offset):
            if last == number:
                break
            last, offset = last + 1, frame.end
        return path, offset, last

    def _frames(self, path: Path, offset: int) -> Iterator[Frame]:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(MAX_READ)
        return (Frame(frame.body, frame.chain, offset + frame.end) for frame in read_frames(data, 0))


def segment_frames(path: Path, offset: int) -> Iterator[Frame]:
    """The frames of a segment from an offset on."""
    return read_frames(path.read_bytes(), offset)


def _start(segment: Segment) -> tuple[Path, int, int]:
    with segment.path.open("rb") as file:
        head, offset = read_start(file.read(2_048))
    return segment.path, offset, head.before


def bodies(folder: Path, *, needles: Sequence[bytes] = (), since_ms: int = 0, until_ms: int = 2**63) -> Iterator[bytes]:
    """Yield the records that may hold one of the texts, the oldest first; all records when none is given.

    Segments that end before `since_ms` or begin after `until_ms`, in milliseconds of Unix time, are passed over.

    Raises:
        SpoolFull, StorageRefused: the log cannot be read.
    """
    files = segments(folder)
    for place, segment in enumerate(files):
        try:
            following = files[place + 1].head().at_ms if place + 1 < len(files) else 2**63
            head, offset = read_start(data := segment.data())
        except WireError:
            continue  # `idas audit verify` tells of it
        if following < since_ms or head.at_ms > until_ms:
            continue
        if needles and not any(needle in data for needle in needles):
            continue
        for frame in read_frames(data, offset):
            if not needles or any(needle in frame.body for needle in needles):
                yield frame.body
