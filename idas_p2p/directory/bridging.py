"""Carrying records between the networks of IPv4 and IPv6: work of the nodes that have a part in both.

A record written by IPv4 alone is read by IPv6 alone when enough nodes near its key hold it in both networks. Where
fewer than a quorum do, the nearest holder with a part in both stores it, unchanged, in the other network as well.
Belongs here: which records, and when. Not here: storing (server.py). Source: docs/spec/directory.md section 13.
"""

from __future__ import annotations

import asyncio

from kademlia.node import Node

from idas_p2p.directory.pace import Pace
from idas_p2p.directory.peers import distance
from idas_p2p.directory.server import DirectoryServer
from idas_p2p.directory.storage import RecordStore
from idas_p2p.limits import READ_QUORUM
from idas_p2p.wire.records import Record

MAX_NOTED = 100_000  # keys that wait for their turn; ours: the next renewal brings what found no room
LOOKED_AT_ONCE = 32  # keys judged before others get a turn: a few milliseconds; ours


class Bridge:
    """Between the two networks of one node.

    Args:
        one: its part in the first.
        other: its part in the second.
        storage: what it holds for both.
        pace: intervals.
    """

    def __init__(self, one: DirectoryServer, other: DirectoryServer, storage: RecordStore, *, pace: Pace) -> None:
        self._ways = ((one, other), (other, one))
        self._storage, self._pace = storage, pace
        self._new: set[bytes] = set()

    def note(self, data: bytes) -> None:
        """A record was taken in."""
        if len(self._new) < MAX_NOTED:
            self._new.add(Record.from_bytes(data).key)

    async def run(self) -> None:
        """For ever: look at what came lately, and carry over what is needed there."""
        while True:
            await asyncio.sleep(self._pace.bridge)
            keys, self._new = self._new, set()
            for number, key in enumerate(keys):
                if number % LOOKED_AT_ONCE == LOOKED_AT_ONCE - 1:
                    await asyncio.sleep(0)
                for here, there in self._ways:
                    if _is_our_turn(key, here, there):
                        await self._carry(key, there)

    async def _carry(self, key: bytes, there: DirectoryServer) -> None:
        """Store what the nearest node of the other network lacks."""
        nearest = await there.lookup(key)
        if not nearest:
            return
        reply = await there.protocol.call_find_value(nearest[0], Node(key))
        held = reply.records if reply is not None else ()
        missing = [data for data in self._storage.records(key) if data not in held]
        await there.put([Record.from_bytes(data) for data in missing])


def _is_our_turn(key: bytes, here: DirectoryServer, there: DirectoryServer) -> bool:
    """Whether we hold a record here, too few nodes near it do so there too, and none of these is nearer than we are."""
    near_here = here.protocol.router.find_neighbors(Node(key), here.replicas)
    near_there = there.protocol.router.find_neighbors(Node(key), there.replicas)
    if not near_there or not here.is_close(key, near_here):
        return False
    in_both = {peer.id for peer in near_here} & {peer.id for peer in near_there}
    if len(in_both) + there.is_close(key, near_there) >= READ_QUORUM:
        return False
    own = distance(here.node.id, key)
    return not any(there.protocol.router.get(peer.id) for peer in near_here if distance(peer.id, key) < own)
