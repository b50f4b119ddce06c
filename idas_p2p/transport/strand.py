"""One of several connections of a channel, as its reader and its sender see it.

Belongs here: its next piece, how soon it would bring one more. Not here: the others (braid.py).
Source: docs/spec/transport.md section 13.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idas_p2p.errors import ChannelClosed, WireError
from idas_p2p.transport.secure import SecureChannel

NUMBER_SIZE: Final = 8  # bytes; protocol
MORE: Final = 1 << 63  # in a number: the message goes on with the next one; protocol
AGREED: Final = b""  # the dialled node's first message on each but the first; protocol
UNNUMBERED: Final = MORE - 1  # stands for none
UNKNOWN_RATE: Final = 100_000.0  # bytes a second at least; ours: a first window each round trip of 140 ms


@dataclass(eq=False, slots=True)
class Strand:
    """One connection, as the reader sees it."""

    lane: SecureChannel
    is_main: bool  # the channel was opened on it
    has_agreed: bool  # the dialled node uses it
    head: tuple[int, bytes] | None = None  # the next message and its number
    is_over: bool = False  # nothing more comes
    heard: int = 0  # bytes when it was last asked whether all were heard

    def fill(self) -> None:
        """Take its next message, if it is here.

        Raises:
            BadSignature, FrameTooLarge, WireError: the other side broke the protocol.
        """
        while self.head is None and not self.is_over:
            try:
                message = self.lane.poll()
            except ChannelClosed:
                self.is_over = True
                return
            if message is None:
                return
            if not self.has_agreed:
                if message != AGREED:
                    raise WireError("an unknown answer on a further connection")
                self.has_agreed = True
            elif self.is_main and not self.lane.is_numbered:
                self.head = UNNUMBERED, message
            elif len(message) < NUMBER_SIZE:
                raise WireError("a message without a number beside others")
            else:
                self.head = int.from_bytes(message[:NUMBER_SIZE]), message[NUMBER_SIZE:]

    @property
    def was_cut(self) -> bool:
        """Whether it ended without saying so."""
        return self.is_over and not self.lane.has_ended

    @property
    def rate(self) -> float:
        """Bytes a second that arrive."""
        line = self.lane.line()
        return max(UNKNOWN_RATE, line.arriving if line is not None else 0.0)

    def due(self) -> float:
        """Seconds until what waits on it has arrived, about."""
        return self.lane.unacknowledged / self.rate
