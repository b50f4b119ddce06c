"""Dial nodes that ask whether they can be reached: a handshake that brings their nonce and ends after two messages.

Belongs here: the dialling and its bounds. Not here: how one is asked (directory/protocol.py), what follows from it
(node/reachability.py). Source: docs/spec/transport.md section 8.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final

from idas_p2p.crypto.handshake import Initiator
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.noise import KEY_SIZE, Psk
from idas_p2p.errors import Busy, HandshakeFailed, PeerUnreachable
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.secure import prove_responder
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

TIMEOUT: Final = 4.0  # seconds for one; protocol: who asked waits longer
MAX_AT_ONCE: Final = 32  # ours
MAX_AT_ONCE_PER_HOST: Final = 4  # of them to one IP address; ours
LOWEST_PORT: Final = 1_024  # below it are other services, which nobody shall have knocked at through us; ours
HTTPS_PORT: Final = 443  # but this one, on which nodes listen in networks that allow no other


class DialBackServer:
    """Dials back those who ask, a few at once.

    Args:
        identity: ours; who is dialled does not learn it.
        tasks: owns the dials.
        way: how connections leave this machine.
    """

    def __init__(self, identity: SigningKey, *, tasks: TaskOwner, way: Way = DIRECT) -> None:
        self._identity, self._tasks, self._way = identity, tasks, way
        self._hosts: Counter[str] = Counter()

    def accept(self, node_id: NodeId, address: Address, nonce: bytes) -> bool:
        """Begin to dial a node, or return False when it may not be or there is too much to do."""
        if address.port < LOWEST_PORT and address.port != HTTPS_PORT:
            return False
        if self._hosts.total() >= MAX_AT_ONCE or self._hosts[address.host] >= MAX_AT_ONCE_PER_HOST:
            return False
        self._hosts[address.host] += 1
        try:
            task = self._tasks.start("dial_back", self._dial(node_id, address, nonce))
        except Busy:
            self._hosts -= Counter({address.host: 1})
            return False
        task.add_done_callback(lambda _: self._end(address.host))
        return True

    def _end(self, host: str) -> None:
        self._hosts -= Counter({host: 1})

    async def _dial(self, node_id: NodeId, address: Address, nonce: bytes) -> None:
        with suppress(TimeoutError, PeerUnreachable, HandshakeFailed):
            async with asyncio.timeout(TIMEOUT):
                psk = Psk(psk_id=nonce, key=random_bytes(KEY_SIZE))
                initiator = Initiator(self._identity, node_id, Purpose.CONTROL, psk, random_bytes=random_bytes)
                connection = await self._way.connect(address)
                try:
                    await prove_responder(connection, initiator)
                finally:
                    connection.abort()
