"""The body of a multipart answer, cut into its parts as it arrives.

Pure. Belongs here: where a part begins and ends. Not here: what a part holds (web_parts.py), HTTP (web.py).
Law: at most one boundary's length is held back, and headers up to MAX_HEADER_SIZE; parts go on as they come.
Source: RFC 2046 section 5.1.1, RFC 2387; PS3.18 section 8.6.1.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from enum import Enum, auto
from typing import Final

from idas_p2p.blob import Octets
from idas_p2p.errors import ArchiveFailed

MAX_HEADER_SIZE: Final = 16_384  # bytes before the first part, and of the headers of one; ours: real ones have 200
MAX_BOUNDARY_SIZE: Final = 70  # characters; RFC 2046 section 5.1.1

MULTIPART: Final = "multipart/related"


class PartEnd:
    """Stands between the bytes of two parts, and after those of the last."""


PART_END: Final = PartEnd()


class _State(Enum):
    PREAMBLE = auto()
    DELIMITER = auto()  # after a boundary: the rest of its line, which says whether another part follows
    HEADERS = auto()
    BODY = auto()
    OVER = auto()


class Multipart:
    """Cuts one body.

    Args:
        boundary: of the answer's Content-Type, see `boundary_of`.
    """

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._held = b"\r\n"  # the first boundary may stand at the very start, without a line before it
        self._state = _State.PREAMBLE
        self._data, self._at = b"", 0  # what is looked at, and from where on

    def feed(self, data: bytes) -> Iterator[Octets | PartEnd]:
        """Take the next bytes, however they are cut; yield the contents of parts, and PART_END after each.

        Contents in the middle of what is fed are shown in their place, not copied.

        Raises:
            ArchiveFailed: this is no multipart body.
        """
        held, self._held = self._held, b""
        if held and self._state is _State.BODY and self._is_content(held, data):
            yield held
            held = b""
        self._data, self._at = (held + data if held else data), 0
        while self._state is not _State.OVER:
            if self._state is _State.BODY:
                end = self._data.find(self._delimiter, self._at)
                until = end if end >= 0 else len(self._data) - len(self._delimiter) + 1
                if until > self._at:
                    yield memoryview(self._data)[self._at : until]
                    self._at = until
                if end < 0:
                    break
                yield PART_END
                self._enter(_State.DELIMITER, end + len(self._delimiter))
            elif not self._step():
                if len(self._data) - self._at > MAX_HEADER_SIZE:
                    raise ArchiveFailed("its answer is not the multipart it says")
                break
        if self._state is not _State.OVER:  # an epilogue means nothing
            self._held = self._data[self._at :]
        self._data = b""

    def _is_content(self, held: bytes, data: bytes) -> bool:
        """Whether no boundary begins in what was held back."""
        width = len(self._delimiter)
        return len(data) >= width and (held + data[:width]).find(self._delimiter, 0, len(held) + width - 1) < 0

    def finish(self) -> None:
        """Nothing more comes.

        Raises:
            ArchiveFailed: the answer was cut short.
        """
        if self._state is not _State.OVER:
            raise ArchiveFailed("its answer broke off")

    def _step(self) -> bool:
        """Pass a boundary or headers; False when more bytes are needed."""
        data, start = self._data, self._at
        if self._state is _State.PREAMBLE:
            at = data.find(self._delimiter, start)
            return at >= 0 and self._enter(_State.DELIMITER, at + len(self._delimiter))
        if self._state is _State.DELIMITER:
            if data.startswith(b"--", start):
                return self._enter(_State.OVER, start + 2)
            at = data.find(b"\r\n", start)
            if at >= 0 and data[start:at].strip(b" \t"):
                raise ArchiveFailed("its answer is not the multipart it says")
            return at >= 0 and self._enter(_State.HEADERS, at)  # a part without headers has an empty line at once
        at = data.find(b"\r\n\r\n", start)
        return at >= 0 and self._enter(_State.BODY, at + 4)

    def _enter(self, state: _State, start: int) -> bool:
        self._state, self._at = state, start
        return True


def boundary_of(content_type: str) -> str:
    """The boundary that an answer's Content-Type names.

    Raises:
        ArchiveFailed: it is not multipart/related with a boundary.
    """
    header = Message()
    header["Content-Type"] = content_type[:MAX_HEADER_SIZE].replace("\r", " ").replace("\n", " ")
    boundary = header.get_param("boundary", "")
    if header.get_content_type() != MULTIPART or not isinstance(boundary, str):
        raise ArchiveFailed("it does not answer with the multipart that was asked for")
    if not (0 < len(boundary) <= MAX_BOUNDARY_SIZE and boundary.isascii() and boundary.isprintable()):
        raise ArchiveFailed("its answer names no boundary")
    return boundary
