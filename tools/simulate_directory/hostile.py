"""Hostile nodes among ours: they hold keys and sessions like anybody, and answer as they please.

Belongs here: what they do. Not here: how many they are (scenario.py). See plan.Vice.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kademlia.node import Node

from idas_p2p.directory.peers import Peer
from idas_p2p.wire.datagrams import Hello
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.rpc import FindNode, FindValue, Nodes, Ping, Store, Stored, Values
from tools.simulate_directory.formation import Membership
from tools.simulate_directory.plan import UDP_PORT, Vice

if TYPE_CHECKING:
    from tools.simulate_directory.ours import Ours

INVENTED = 20_000  # nodes made up: as near to any id as grinding twenty keys for each real node would give at 1,000
NAMED = 8  # of them in one answer
FLOOD = 20.0  # datagrams a second of each flooding node
BURST = 20  # sent at once


class Evil:
    """One hostile node.

    Args:
        federation: whose records and members it knows, all of them.
        number: which node.
        how: its vice.
    """

    def __init__(self, federation: Ours, number: int, how: Vice) -> None:
        self._federation = federation
        self._number = number
        self._how = how
        self._rng = random.Random(f"evil {federation.plan.seed} {number}")  # noqa: S311  # no secrets here
        self._protocol: Any = federation.servers[number].protocol

    def begin(self) -> None:
        """From now on."""
        if self._how is Vice.DROP:
            self._protocol.answer = lambda sender, message: None
            return
        self._protocol.rpc_store = self._store
        self._protocol.rpc_find_value = self._find_value
        if self._how is Vice.MISLEAD:
            self._protocol.rpc_find_node = self._find_node
        if self._how is Vice.FLOOD:
            asyncio.get_running_loop().call_later(self._rng.uniform(0, BURST / FLOOD), self._flood)

    def _store(self, sender: Peer, request: Store) -> Stored:
        return Stored(outcomes=(0,) * len(request.records))

    def _find_node(self, sender: Peer, request: FindNode) -> Nodes:
        return Nodes(contacts=self._invented(request.target))

    def _find_value(self, sender: Peer, request: FindValue) -> Values:
        if self._how is Vice.MISLEAD:
            return Values(records=(), more=False, contacts=self._invented(request.key))
        near = self._protocol.router.find_neighbors(Node(request.key), exclude=sender)
        contacts = tuple(peer.to_wire() for peer in near) if not request.after else ()
        return Values(records=self._records(request.key), more=self._how is Vice.FLOOD, contacts=contacts)

    def _records(self, key: bytes) -> tuple[bytes, ...]:
        number = self._federation.number_at(key)
        if number is None:
            return ()
        if self._how is Vice.STALE:
            return (self._federation.record(number, version=0).to_bytes(),)
        genuine = self._federation.record(number)
        newer = replace(genuine, sequence=genuine.sequence + 1, payload=b"forged")
        elsewhere = self._federation.record(number ^ 1)  # sound, but of another place
        written = self._rng.randbytes(32) if self._how is Vice.FLOOD else genuine.writer
        return newer.to_bytes(), replace(genuine, writer=written).to_bytes(), elsewhere.to_bytes()

    def _invented(self, target: bytes) -> Any:
        made_up = self._federation.made_up
        near = made_up.members.nearest(int.from_bytes(target, "big"), NAMED, made_up.everybody)
        return tuple(made_up.peers[place].to_wire() for place in near)

    def _flood(self) -> None:
        for _ in range(BURST):
            victim = self._federation.peers[self._rng.randrange(len(self._federation.peers))]
            kind = self._rng.randrange(3)
            if kind == 0:
                self._protocol.transport.sendto(self._rng.randbytes(self._rng.randrange(1, 1_300)), victim.endpoint)
            elif kind == 1:
                self._protocol.transport.sendto(Hello(self._rng.randbytes(16)).to_bytes(), victim.endpoint)
            else:
                self._protocol.ask(victim, Ping())
        asyncio.get_running_loop().call_later(BURST / FLOOD, self._flood)


class MadeUp:
    """Nodes that do not exist, at hosts where nobody is.

    Args:
        seed: of their keys.
    """

    def __init__(self, seed: int) -> None:
        rng = random.Random(f"made up {seed}")  # noqa: S311  # no secrets here
        self.peers = [
            Peer(NodeId(rng.randbytes(32)), (f"90.{n >> 8 & 255}.{n & 255}.1", UDP_PORT)) for n in range(INVENTED)
        ]
        self.members = Membership([peer.long_id for peer in self.peers])
        self.everybody = [True] * INVENTED


def corrupt(federation: Ours, number: int, how: Vice) -> None:
    """Let a node do evil from now on."""
    Evil(federation, number, how).begin()
