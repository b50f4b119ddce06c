"""A stream of bytes in messages that nobody holds back by themselves: credit for them, and an end.

A data channel hands on whatever arrives, and its library neither waits for the one who reads nor lets its sender wait.
So each side says how far the other may send, and cuts off who goes further: memory is bounded on both sides.
Belongs here: the messages, the counts, both buffers. Not here: the data channel (data_channel.py). Reads no clock.
Source: docs/spec/transport.md section 12.
"""

from __future__ import annotations

import struct
from typing import Final

from idas_p2p.errors import WireError

PIECE: Final = 0  # `0 ‖ bytes`: the next bytes of the stream
CREDIT: Final = 1  # `1 ‖ total(8)`: as many bytes may be sent in all
END: Final = 2  # `2`: nothing follows
MAX_PIECE: Final = 16_383  # bytes of the stream in one message of 16 KiB, which every implementation takes; protocol
WINDOW: Final = 1_048_576  # bytes sent and not yet taken, each way; protocol
LEAST: Final = 1_024  # bytes that a smaller piece counts for, so that pieces on their way are few too; protocol
_CREDIT: Final = struct.Struct(">BQ")


class Flow:
    """One side of the stream: what it has to say, what it has heard.

    Args:
        window: bytes the other side may send before we take any; it is told no number at first, and believes in WINDOW.
    """

    def __init__(self, *, window: int = WINDOW) -> None:
        self._window = window
        self._outgoing, self._incoming = bytearray(), bytearray()
        self._sent, self._may_send = 0, WINDOW  # bytes in all, small pieces counted as LEAST
        self._received, self._granted = 0, window  # likewise
        self._is_ending = False
        self.has_sent_end = False
        self.has_heard_end = False

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return len(self._outgoing)

    @property
    def untaken(self) -> int:
        """Bytes that wait to be taken; at most the window."""
        return len(self._incoming)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Say the next bytes."""
        self._outgoing += data

    def end(self) -> None:
        """Say that nothing follows what was written."""
        self._is_ending = True

    def next_message(self) -> bytes | None:
        """The next message for the other side, None while there is none or it may not be sent."""
        taken = self._received - len(self._incoming)
        if not self.has_heard_end and self._granted - taken <= self._window // 2:
            self._granted = taken + self._window
            return _CREDIT.pack(CREDIT, self._granted)
        room = self._may_send - self._sent
        if self._outgoing and room >= LEAST:
            size = min(len(self._outgoing), MAX_PIECE, room)
            piece = bytes((PIECE,)) + self._outgoing[:size]
            del self._outgoing[:size]
            self._sent += max(size, LEAST)
            return bytes(piece)
        if self._is_ending and not self._outgoing and not self.has_sent_end:
            self.has_sent_end = True
            return bytes((END,))
        return None

    def receive(self, message: bytes) -> None:
        """Hear a message.

        Raises:
            WireError: none of the three, beyond what was allowed, or after the end; cut the connection.
        """
        kind = message[0] if message else None
        if kind == PIECE and 1 < len(message) <= 1 + MAX_PIECE and not self.has_heard_end:
            received = self._received + max(len(message) - 1, LEAST)
            if received > self._granted:
                raise WireError("more was sent than was allowed")
            self._received = received
            self._incoming += memoryview(message)[1:]
        elif kind == CREDIT and len(message) == _CREDIT.size:
            (_, total) = _CREDIT.unpack(message)
            if total <= self._may_send:
                raise WireError("credit was taken back")
            self._may_send = total
        elif kind == END and len(message) == 1 and not self.has_heard_end:
            self.has_heard_end = True
        else:
            raise WireError("not a message of a stream")

    def take(self, space: memoryview) -> int:
        """Move what was heard into `space`; returns how many bytes."""
        size = min(len(space), len(self._incoming))
        space[:size] = memoryview(self._incoming)[:size]
        del self._incoming[:size]
        return size
