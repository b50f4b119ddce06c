"""Further connections to a node, opened while a channel to it is dialled, to go beside that channel's first.

Law: the dial never waits for them, and nothing is lost when one does not come about.
Belongs here: opening them. Not here: what they carry (braid.py), whether they are worth it (node/widening.py).
Source: docs/spec/transport.md section 13.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from idas_p2p.crypto.handshake import Initiator
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.noise import Psk
from idas_p2p.errors import Busy, PeerUnreachable
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.dialer import DIRECT_PATH
from idas_p2p.transport.moving import MovingChannel
from idas_p2p.transport.secure import finish_dialling, prove_responder
from idas_p2p.transport.way import Way
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

TIMEOUT: Final = 4.0  # seconds until such a connection stands beside the first; ours, as for the first itself


class Strands:
    """The further connections of one channel.

    Args:
        identity: ours.
        peer: the node.
        address: where it answers.
        psk: the pre-shared key of both sides.
        way: how connections leave this machine.
    """

    def __init__(self, identity: SigningKey, peer: NodeId, address: Address, psk: Psk, *, way: Way) -> None:
        self._identity, self._peer, self._address, self._psk, self._way = identity, peer, address, psk, way
        self._decided = asyncio.Event()
        self._channel: MovingChannel | None = None

    def begin(self, count: int, *, tasks: TaskOwner) -> None:
        """Open so many, as long as `tasks` has room for them."""
        with suppress(Busy):
            for _ in range(count):
                tasks.start("strand", self._open())

    def join(self, channel: MovingChannel | None) -> None:
        """The channel stands, and gets them; None when it does not, or they are not wanted."""
        self._channel = channel
        self._decided.set()

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                connection = await self._way.connect(self._address)
                try:
                    await self._stand_beside(connection)
                except BaseException:
                    connection.abort()
                    raise
        except TimeoutError:
            raise PeerUnreachable("a further connection did not stand in time") from None

    async def _stand_beside(self, connection: Connection) -> None:
        initiator = Initiator(self._identity, self._peer, Purpose.MOVE, self._psk, random_bytes=random_bytes)
        await prove_responder(connection, initiator)
        await self._decided.wait()
        channel = self._channel
        if channel is None or channel.braid is None or channel.remote != connection.remote or not channel.is_open:
            raise PeerUnreachable("nothing needs a further connection")
        lane = await finish_dialling(connection, initiator, path=DIRECT_PATH)
        if (braid := channel.braid) is None or not channel.is_open:
            raise PeerUnreachable("the channel has moved, or is over")
        braid.ask(lane)
