"""Two ends of a channel in one process, without a network: for the tests of the rooms above.

It keeps every promise of Channel, back-pressure included, but encrypts nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from idas_p2p.crypto.stream import OVERHEAD
from idas_p2p.errors import ChannelClosed, FrameTooLarge
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.transport.framing import LENGTH_SIZE
from idas_p2p.transport.pacing import LineState
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import PSK_ID_SIZE, Purpose
from idas_p2p.wire.ids import NODE_ID_SIZE, NodeId

QUEUE_SIZE: Final = 1_048_576  # bytes on their way in one direction at which `send` waits

ONE: Final = NodeId(b"\1" * NODE_ID_SIZE)
OTHER: Final = NodeId(b"\2" * NODE_ID_SIZE)
NO_PSK: Final = bytes(PSK_ID_SIZE)


class _Direction:
    """A bounded queue of messages with an end."""

    def __init__(self) -> None:
        self.messages: deque[bytes] = deque()
        self.size = 0  # bytes queued
        self.ended = False  # nothing more is put in
        self.broken = False  # nobody takes out
        self.changed = asyncio.Event()

    async def wait(self) -> None:
        self.changed.clear()
        await self.changed.wait()


class MemoryChannel:
    """One end; see Channel."""

    def __init__(
        self, outgoing: _Direction, incoming: _Direction, *, peer: NodeId, purpose: Purpose, psk_id: bytes
    ) -> None:
        self._outgoing, self._incoming = outgoing, incoming
        self._closed = False
        self.peer, self.purpose, self.psk_id = peer, purpose, psk_id
        self.path = "memory"
        self.remote = Address("127.0.0.1", 0)
        self.bytes_sent = self.bytes_received = 0
        self.messages_sent = self.messages_received = 0

    def __repr__(self) -> str:
        return f"MemoryChannel({self.purpose} {self.peer.short})"

    @property
    def round_trip(self) -> float | None:
        """Unknown: there is no network."""
        return None

    def line(self) -> LineState | None:
        """Unknown as well."""
        return None

    async def send(self, message: bytes) -> None:
        """Send one message; see Channel."""
        if len(message) > MAX_MESSAGE_SIZE:
            raise FrameTooLarge(f"{len(message)} bytes, {MAX_MESSAGE_SIZE} allowed")
        way = self._outgoing
        while way.size >= QUEUE_SIZE and not way.broken and not way.ended:
            await way.wait()
        if way.broken or way.ended:
            raise ChannelClosed("closed on this side" if self._closed else "closed by the other side")
        way.messages.append(message)
        way.size += OVERHEAD + len(message)
        way.changed.set()
        self.messages_sent += 1
        self.bytes_sent += LENGTH_SIZE + OVERHEAD + len(message)

    async def receive(self) -> bytes:
        """Return the next message; see Channel."""
        way = self._incoming
        while not way.messages and not way.ended and not self._closed:
            await way.wait()
        if self._closed or not way.messages:
            raise ChannelClosed("closed on this side" if self._closed else "closed by the other side")
        message = way.messages.popleft()
        way.size -= OVERHEAD + len(message)
        way.changed.set()
        self.messages_received += 1
        self.bytes_received += LENGTH_SIZE + OVERHEAD + len(message)
        return message

    async def close(self) -> None:
        """End the channel; see Channel."""
        self._closed = True
        self._outgoing.ended = True
        self._incoming.broken = True
        self._outgoing.changed.set()
        self._incoming.changed.set()


def make_pair(
    *, one: NodeId = ONE, other: NodeId = OTHER, purpose: Purpose = Purpose.CONTROL, psk_id: bytes = NO_PSK
) -> tuple[MemoryChannel, MemoryChannel]:
    """Return the two ends of a channel, the one held by node `one` first; each has the other as its peer."""
    there, back = _Direction(), _Direction()
    return (
        MemoryChannel(there, back, peer=other, purpose=purpose, psk_id=psk_id),
        MemoryChannel(back, there, peer=one, purpose=purpose, psk_id=psk_id),
    )
