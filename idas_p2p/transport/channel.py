"""What every channel is, whichever path it takes.

Belongs here: the promise. Not here: how it is kept (secure.py over TCP, memory.py in tests).
One contract test, tests/transport/contract.py, runs over every kind. Source: docs/spec/transport.md section 1.
"""

from __future__ import annotations

from typing import Protocol

from idas_p2p.transport.pacing import LineState
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId


class Channel(Protocol):
    """Messages to and from one node: ordered, confidential, authenticated, never merged or split.

    Memory is bounded in both directions: `send` waits while the other side does not receive, and nothing is read from
    the network while nobody calls `receive`.
    """

    @property
    def peer(self) -> NodeId:
        """The node that proved its identity."""
        ...

    @property
    def purpose(self) -> Purpose:
        """What the dialer wanted the channel for."""
        ...

    @property
    def psk_id(self) -> bytes:
        """Which pre-shared key both sides proved: 8 bytes."""
        ...

    @property
    def path(self) -> str:
        """The kind of path: direct, memory, ..."""
        ...

    @property
    def remote(self) -> Address:
        """Where the other end of the path is."""
        ...

    @property
    def round_trip(self) -> float | None:
        """Seconds to the other end and back as the path measures it, queues included; None when it cannot tell."""
        ...

    @property
    def bytes_sent(self) -> int:
        """Bytes given to the network so far, handshake included."""
        ...

    @property
    def bytes_received(self) -> int:
        """Bytes taken from the network so far, handshake included."""
        ...

    @property
    def messages_sent(self) -> int:
        """Messages sent so far."""
        ...

    @property
    def messages_received(self) -> int:
        """Messages returned by `receive` so far."""
        ...

    def line(self) -> LineState | None:
        """What is known of the line now; None when the path does not tell."""
        ...

    async def send(self, message: bytes) -> None:
        """Send one message of 0 to MAX_MESSAGE_SIZE bytes; waits while too much is on its way already.

        A cancelled call has sent the message whole or not at all. Several tasks may send; one message follows another.

        Raises:
            ChannelClosed: by either side, or cut.
            FrameTooLarge: over MAX_MESSAGE_SIZE; the channel stays usable.
        """
        ...

    async def receive(self) -> bytes:
        """Return the next message. A cancelled call has taken none.

        Raises:
            ChannelClosed: by either side, or cut; after a close by the other side, first all that it had sent.
            FrameTooLarge: the other side announced a message that is too large; the channel is closed.
            BadSignature: a message was changed on its way; the channel is closed.
        """
        ...

    async def close(self) -> None:
        """End the channel; waits a few seconds for the other side to take what was sent. May be repeated."""
        ...
