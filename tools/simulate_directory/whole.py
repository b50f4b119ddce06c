"""Whole nodes, ours and stock: they join by themselves and do their housekeeping, at the pace of production.

Belongs here: starting one, and turning it off without a word. Not here: when (churn.py).
"""

from __future__ import annotations

from typing import Any

from kademlia.network import Server

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.overlay import Overlay
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.storage import RecordStore
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address
from tools.simulate_directory.loop import LoopClock, settle
from tools.simulate_directory.network import SimulatedNetwork
from tools.simulate_directory.ours import Ours
from tools.simulate_directory.plan import UDP_PORT, Plan
from tools.simulate_directory.stock import ALPHA, Stock

BETWEEN = 0.5  # seconds between two nodes that join
SETTLING = 600.0  # seconds after the last one joined; buckets are filled by then
KNOWN = 3  # nodes that a newcomer is told of


class Whole(Ours):
    """Our federation of whole nodes."""

    def __init__(self, plan: Plan, network: SimulatedNetwork) -> None:
        super().__init__(plan, network)
        self._tasks: dict[int, TaskOwner] = {}
        self._rng.seed(f"whole {plan.seed}")

    async def build(self) -> None:
        """Let all nodes join, one after another."""
        for number in range(self.plan.nodes):
            await self.join(number)
            await settle(seconds=BETWEEN)
        await settle(seconds=SETTLING)

    async def join(self, number: int) -> None:
        """Start a node that is told of some others."""
        while len(self.peers) <= number:
            self._add()
        known = self._rng.sample(sorted(self.servers), min(KNOWN, len(self.servers)))
        overlay = Overlay(
            self.keys[number],
            RecordStore(clock=LoopClock()),
            clock=LoopClock(),
            random_bytes=self._rng.randbytes,
            is_server=True,
            policy=AddressPolicy(allow_private=False),
            open_endpoint=self.network.open,
            contacts=[self.peers[other].contact for other in known],
            known=(),
            pace=Pace(),
            on_change=lambda: None,
        )
        self.servers[number] = overlay.server
        await overlay.server.listen(Address(*self.peers[number].endpoint))
        self._tasks[number] = TaskOwner(limit=8)
        for name, work in overlay.work():
            self._tasks[number].start(name, work)

    async def crash(self, number: int) -> None:
        """Turn a node off for good."""
        self.network.remove(self.plan.host_of(number))
        await self._tasks.pop(number).stop()
        del self.servers[number]

    def _add(self) -> None:
        number = len(self.peers)
        self.keys.append(SigningKey(self.plan.bytes_for("node", number)))
        self.peers.append(Peer(self.keys[number].node_id, (self.plan.host_of(number), UDP_PORT)))
        self.ids.append(self.peers[number].id)


class WholeStock(Stock):
    """A federation of whole nodes of the library."""

    async def build(self) -> None:
        """Let all nodes join, one after another."""
        for number in range(self.plan.nodes):
            await self.join(number)
            await settle(seconds=BETWEEN)
        await settle(seconds=SETTLING)

    async def join(self, number: int) -> None:
        """Start a node that is told of some others."""
        while len(self.ids) <= number:
            self.ids.append(SigningKey(self.plan.bytes_for("node", len(self.ids))).node_id.kademlia_id)
        known = self._rng.sample(sorted(self.servers), min(KNOWN, len(self.servers)))
        server: Any = Server(self.plan.k, ALPHA, self.ids[number])
        await server.listen(UDP_PORT, self.plan.host_of(number))
        self.servers[number] = server
        if known:
            await server.bootstrap([(self.plan.host_of(other), UDP_PORT) for other in known])

    async def crash(self, number: int) -> None:
        """Turn a node off for good."""
        self.network.remove(self.plan.host_of(number))
        self.servers.pop(number).refresh_loop.cancel()
