"""A node's link to a relay: the handshake, and sealed messages, in the frames of every other connection.

When the relay has connected a dialer, the same TCP connection goes on as one to the target: `handed_over`.
Belongs here: carrying. Not here: what is asked (relayed.py, reservation.py).
Source: docs/spec/relay.md sections 2 and 3.
"""

from __future__ import annotations

from typing import Final

from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.relaying import LinkInitiator
from idas_p2p.crypto.stream import HEADER_SIZE, Mark, Opener, Sealer
from idas_p2p.errors import BadSignature, ChannelClosed, FrameTooLarge, HandshakeFailed
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Address
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import LINK_GREETING, RelayMessage, from_bytes, to_bytes

LINK_TIMEOUT: Final = 4.0  # seconds for connecting, the handshake and the first answer; ours


class RelayLink:
    """An open link; made by `open_link`."""

    def __init__(self, connection: Connection, sealer: Sealer, opener: Opener) -> None:
        self._connection, self._sealer, self._opener = connection, sealer, opener

    def send(self, message: RelayMessage) -> None:
        """Send one message; they are small and few.

        Raises:
            ChannelClosed: the relay is gone.
        """
        self._connection.write(self._sealer.seal(to_bytes(message)))

    async def receive(self) -> RelayMessage:
        """Return the next message. A cancelled call has taken none.

        Raises:
            ChannelClosed: the relay is gone.
            BadSignature, WireError: it broke the protocol; abort the link.
        """
        message = self._opener.open(await self._connection.receive())
        if isinstance(message, Mark):
            raise ChannelClosed("the relay ended the link")
        return from_bytes(message)

    @property
    def remote(self) -> Address:
        """Where the relay is."""
        return self._connection.remote

    @property
    def local_host(self) -> str:
        """The IP address of this machine that the link uses."""
        return self._connection.local_host

    def handed_over(self) -> Connection:
        """The connection, on which the target speaks from now on."""
        return self._connection

    def abort(self) -> None:
        """End it at once."""
        self._connection.abort()

    async def close(self) -> None:
        """End it."""
        await self._connection.close(timeout=1.0)


async def open_link(identity: SigningKey, relay: NodeId, address: Address, *, way: Way = DIRECT) -> RelayLink:
    """Connect to a relay and shake hands; the caller sets the deadline.

    Raises:
        PeerUnreachable: no connection.
        HandshakeFailed: something else answers there, or it has too much to do.
    """
    return await greet(await way.connect(address), identity, relay)


async def greet(connection: Connection, identity: SigningKey, relay: NodeId) -> RelayLink:
    """Make a connection that somebody opened a link; errors as for `open_link`."""
    try:
        initiator = LinkInitiator(identity, relay, random_bytes=random_bytes)
        connection.write_raw(LINK_GREETING)
        connection.write(initiator.hello())
        initiator.read_answer(await connection.receive())
        introduction, (send_key, receive_key) = initiator.introduce()
        sealer = Sealer(send_key)
        connection.write(introduction)
        connection.write(sealer.header + sealer.seal(b""))
        opening = await connection.receive()
        opener = Opener(receive_key, opening[:HEADER_SIZE])
        if opener.open(opening[HEADER_SIZE:]) != b"":
            raise BadSignature("not the opening of a stream")
    except (ChannelClosed, FrameTooLarge, BadSignature):
        connection.abort()
        where = connection.remote
        raise HandshakeFailed(f"{where} is not the relay that was expected, or has too much to do") from None
    except BaseException:
        connection.abort()
        raise
    return RelayLink(connection, sealer, opener)
