"""A node's part in the network of one IP family: sockets, table, joining, replication.

A node that is reached by IPv4 and IPv6 has a part in two networks, with one key and one store of records; whoever
speaks one family only is so never named a contact it cannot reach. Belongs here: putting one part together. Not here:
reading and writing in both (service.py), carrying records over (bridging.py). Limit 20; BEP 32.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence

from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.carried import Carriage
from idas_p2p.directory.joining import Joiner
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.replication import Replicator
from idas_p2p.directory.server import DirectoryServer, OpenEndpoint
from idas_p2p.directory.storage import RecordStore
from idas_p2p.wire.address import Contact
from idas_p2p.wire.rpc import Ping


class Overlay:
    """One network's part of one node.

    Args:
        identity: the node's key.
        storage: records held for others, whichever network brought them.
        clock: the time.
        random_bytes: a secure source.
        is_server: whether requests are answered.
        policy: which endpoints may be contacted.
        open_endpoint: opens UDP sockets.
        contacts: where to find the network; those of another family are passed over.
        known: contacts of earlier runs, newest first.
        pace: intervals of housekeeping.
        on_change: told when a contact came or left.
    """

    def __init__(
        self,
        identity: SigningKey,
        storage: RecordStore,
        *,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        is_server: bool,
        policy: AddressPolicy,
        open_endpoint: OpenEndpoint,
        contacts: Sequence[Contact],
        known: Sequence[Contact],
        pace: Pace,
        on_change: Callable[[], None],
    ) -> None:
        self._clock, self._pace, self._on_change = clock, pace, on_change
        self.server = DirectoryServer(
            identity,
            storage,
            clock=clock,
            random_bytes=random_bytes,
            is_server=is_server,
            policy=policy,
            open_endpoint=open_endpoint,
        )
        rng = random.Random(random_bytes(16))  # noqa: S311  # jitter
        self.joiner = Joiner(self.server, contacts=contacts, known=known, rng=rng, pace=pace)
        self._replicator = Replicator(self.server, clock=clock, pace=pace)
        self.server.protocol.on_admitted = self._came
        self.server.protocol.router.on_removed = self._left

    @property
    def is_joined(self) -> bool:
        """Whether it knows a contact."""
        return self.joiner.joined.is_set()

    def work(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        """What shall run while the node does, by name."""
        return [
            ("directory.join", self.joiner.run()),
            ("directory.replicate", self._replicator.run()),
            ("directory.check", self._check()),
        ]

    def use(self, carriage: Carriage | None) -> None:
        """Send through a carriage from now on, or through UDP again."""
        self.server.use(carriage)
        self.joiner.hurry()

    async def reaches_by_udp(self) -> bool:
        """Whether a configured contact answers a datagram."""
        return await self.server.reaches_by_udp(await self.joiner.endpoints())

    def _came(self, peer: Peer) -> None:
        self.joiner.came(peer)
        self._replicator.came(peer)
        self._on_change()

    def _left(self, peer: Peer) -> None:
        self.joiner.left()
        self._replicator.left(peer)
        self._on_change()

    async def _check(self) -> None:
        await self.joiner.joined.wait()
        await self.server.fill(pause=self._pace.fill)
        while True:
            await asyncio.sleep(self._pace.check)
            protocol = self.server.protocol
            before = self._clock.monotonic() - self._pace.unheard
            for peer in protocol.contacts_to_check(unheard_since=before):
                protocol.ask(peer, Ping())
            await self.server.refresh()
