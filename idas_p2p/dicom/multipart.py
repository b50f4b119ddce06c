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

    def feed(self, data: bytes) -> Iterator[bytes | PartEnd]:
        """Take the next bytes, however they are cut; yield the contents of parts, and PART_END after each.

        Raises:
            ArchiveFailed: this is no multipart body.
        """
        self._held = self._held + data if self._held else data
        while True:
            match self._state:
                case _State.BODY:
                    end = self._held.find(self._delimiter)
                    if end < 0:
                        ready = len(self._held) - len(self._delimiter) + 1
                        if ready > 0:
                            content, self._held = self._held[:ready], self._held[ready:]
                            yield content
                        return
                    if end:
                        yield self._held[:end]
                    yield PART_END
                    self._enter(_State.DELIMITER, end + len(self._delimiter))
                case _State.OVER:
                    self._held = b""  # an epilogue means nothing
                    return
                case _:
                    if not self._step():
                        if len(self._held) > MAX_HEADER_SIZE:
                            raise ArchiveFailed("its answer is not the multipart it says")
                        return

    def finish(self) -> None:
        """Nothing more comes.

        Raises:
            ArchiveFailed: the answer was cut short.
        """
        if self._state is not _State.OVER:
            raise ArchiveFailed("its answer broke off")

    def _step(self) -> bool:
        """Pass a boundary or headers; False when more bytes are needed."""
        if self._state is _State.PREAMBLE:
            at = self._held.find(self._delimiter)
            return at >= 0 and self._enter(_State.DELIMITER, at + len(self._delimiter))
        if self._state is _State.DELIMITER:
            if self._held.startswith(b"--"):
                return self._enter(_State.OVER, 2)
            at = self._held.find(b"\r\n")
            if at >= 0 and self._held[:at].strip(b" \t"):
                raise ArchiveFailed("its answer is not the multipart it says")
            return at >= 0 and self._enter(_State.HEADERS, at)  # a part without headers has an empty line at once
        at = self._held.find(b"\r\n\r\n")
        return at >= 0 and self._enter(_State.BODY, at + 4)

    def _enter(self, state: _State, start: int) -> bool:
        self._state, self._held = state, self._held[start:]
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
