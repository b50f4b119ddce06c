"""Keeping each record at the nodes nearest to its key while nodes come and go.

Belongs here: whom to offer which record. Records travel unchanged, with their writer's signature and expiry, so an
owner may be away for days and nothing can be rolled back. Nothing is sent to a node that has not proved its key and its
address, and each datagram waits for the answer to the one before.
Limits 4, 5, 7, 23, 29; docs/spec/directory.md section 11.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib

from kademlia.node import Node

from idas_p2p.clock import Clock
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.peers import Peer, distance
from idas_p2p.directory.regions import EVERYTHING, Block
from idas_p2p.directory.server import DirectoryServer
from idas_p2p.directory.storing import pack_records
from idas_p2p.limits import REPUBLISH_INTERVAL

PUSHERS = 3  # nearest holders of a key that offer it to a newcomer: one could be a newcomer itself
SLICE = 200  # keys looked at before others get a turn
OWNER_IS_LATE = 1.25 * REPUBLISH_INTERVAL  # seconds after a record was written; before, its owner will renew it; ours


class Replicator:
    """Offers held records where they belong.

    Args:
        server: the node.
        clock: the time.
        pace: intervals.
    """

    def __init__(self, server: DirectoryServer, *, clock: Clock, pace: Pace) -> None:
        self._server = server
        self._clock = clock
        self._pace = pace
        self._came: dict[bytes, Peer] = {}
        self._left: dict[bytes, Peer] = {}
        self._wake = asyncio.Event()

    def came(self, peer: Peer) -> None:
        """A node became a contact."""
        self._left.pop(peer.id, None)
        self._came[peer.id] = peer
        self._wake.set()

    def left(self, peer: Peer) -> None:
        """A contact fell silent."""
        self._came.pop(peer.id, None)
        self._left[peer.id] = peer
        self._wake.set()

    async def run(self) -> None:
        """Work for ever."""
        loop = asyncio.get_running_loop()
        next_round = loop.time() + self._pace.replicate
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_round):
                    await self._wake.wait()
            await asyncio.sleep(self._pace.welcome)
            self._wake.clear()
            came, self._came = self._came, {}
            left, self._left = self._left, {}
            everything = loop.time() >= next_round
            if everything:
                next_round = loop.time() + self._pace.replicate
            await self._offer(await self._plan(came, left, everything=everything))

    async def _plan(
        self, came: dict[bytes, Peer], left: dict[bytes, Peer], *, everything: bool
    ) -> dict[Peer, list[bytes]]:
        """Which records to offer to whom."""
        plan: dict[Peer, list[bytes]] = {}
        turn = int(self._clock.now() / self._pace.replicate)
        keys = self._server.storage.keys()
        home = self._home()
        if not everything and not any(kademlia_id in home for kademlia_id in (*came, *left)):
            keys = [key for key in keys if key not in home]  # few or none: what changed is too far for the others
        for number, key in enumerate(keys):
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            near = self._server.protocol.router.find_neighbors(Node(key), self._server.replicas)
            rank = sum(_is_nearer(peer, self._server.node, key) for peer in near if peer.id not in came)
            if len(near) == self._server.replicas and _is_nearer(self._server.node, near[-1], key):
                near.pop()  # we are one of the holders ourselves
            takers = [peer for peer in near if peer.id in came] + _successors(key, near, left) if rank < PUSHERS else []
            for peer in takers:
                plan.setdefault(peer, []).extend(self._server.storage.records(key))
            if everything and rank == _turn_of(key, turn, len(near) + 1):
                late = self._server.storage.records(key, written_before=self._clock.now() - OWNER_IS_LATE)
                for peer in near if late else ():
                    plan.setdefault(peer, []).extend(late)
        return plan

    def _home(self) -> Block:
        """The smallest block about us with as many contacts as hold a record: nobody outside holds a key inside."""
        own = self._server.node.id
        spans = sorted(distance(peer.id, own).bit_length() for peer in self._server.protocol.router)
        if len(spans) < self._server.replicas:
            return EVERYTHING
        return Block.around(own, within=1 << spans[self._server.replicas - 1])

    async def _offer(self, plan: dict[Peer, list[bytes]]) -> None:
        for peer, records in plan.items():
            for run in pack_records(enumerate(records)):
                if await self._server.store_at(peer, tuple(data for _, data in run)) is None:
                    break  # gone again; its absence is noted by the protocol


def _successors(key: bytes, near: list[Peer], left: dict[bytes, Peer]) -> list[Peer]:
    """The nodes that now belong to the nearest because others left."""
    if not near:
        return []
    gone = sum(distance(kademlia_id, key) < distance(near[-1].id, key) for kademlia_id in left)
    return near[-gone:] if gone else []


def _is_nearer(one: Node, other: Node, key: bytes) -> bool:
    return distance(one.id, key) < distance(other.id, key)


def _turn_of(key: bytes, turn: int, holders: int) -> int:
    """The rank of the holder whose turn it is to offer a key to the others, so that one does and not all."""
    mixed = hashlib.blake2b(key, digest_size=8, salt=turn.to_bytes(8, "big")).digest()
    return int.from_bytes(mixed, "big") % holders
