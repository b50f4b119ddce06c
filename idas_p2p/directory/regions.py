"""Regions of the key space whose live nodes are all known, so that one visit places every record that belongs there.

A lookup finds the r nodes nearest to an id, so within the distance of the last of them nobody is unknown. A block is
all ids with the same first bits; every node of a block is nearer to every key of it than any node outside. A block
with r known nodes and no unknown ones so tells the r nearest of all its keys without another lookup. r nodes hold each
record.

Belongs here: blocks, and finding their nodes by lookups. Not here: the lookup itself, sending.
Source: the Provide Sweep of IPFS (probelab, 2025); docs/spec/directory.md section 10.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from heapq import nsmallest

from idas_p2p.directory.peers import Peer, distance

ID_BITS = 160
MAX_LOOKUPS = 24  # of one survey; ours: liars who invent neighbours end it, and the key gets a lookup of its own

Lookup = Callable[[bytes], Awaitable[list[Peer]]]


@dataclass(frozen=True, slots=True)
class Block:
    """All ids whose first `depth` bits are those of `low`."""

    low: int
    depth: int  # 0 is everything

    @classmethod
    def around(cls, key: bytes, *, within: int) -> Block:
        """The largest block about a key whose ids are all nearer to it than `within`, which is at least 1."""
        depth = ID_BITS + 1 - within.bit_length()
        return cls(int.from_bytes(key, "big") & ~((1 << (ID_BITS - depth)) - 1), depth)

    @property
    def size(self) -> int:
        """How many ids."""
        return 1 << (ID_BITS - self.depth)

    @property
    def parent(self) -> Block:
        """The block of twice the size."""
        return Block(self.low & ~self.size, self.depth - 1)

    @property
    def sibling(self) -> Block:
        """The other half of the parent."""
        return Block(self.low ^ self.size, self.depth)

    @property
    def middle(self) -> bytes:
        """An id within."""
        return (self.low | self.size >> 1).to_bytes(20, "big")

    def __contains__(self, key: bytes) -> bool:
        return (int.from_bytes(key, "big") ^ self.low) < self.size


EVERYTHING = Block(0, 0)


@dataclass(frozen=True, slots=True)
class Region:
    """A block and its live nodes.

    Where they are fewer than r the region is good for the one key that was looked up only.
    """

    block: Block
    nodes: tuple[Peer, ...]

    def nearest(self, key: bytes, count: int) -> list[Peer]:
        """The nodes nearest to a key of the block, nearest first."""
        target = int.from_bytes(key, "big")
        return nsmallest(count, self.nodes, key=lambda peer: peer.long_id ^ target)


class Survey:
    """Finds the region of one key.

    Args:
        lookup: finds the `replicas` live nodes nearest to an id.
        replicas: how many nodes hold a record.
        is_worth_it: whether a block has enough keys that a few more lookups pay.
    """

    def __init__(self, lookup: Lookup, replicas: int, *, is_worth_it: Callable[[Block], bool]) -> None:
        self._lookup = lookup
        self._replicas = replicas
        self._is_worth_it = is_worth_it
        self._left = MAX_LOOKUPS

    async def region_of(self, key: bytes) -> Region:
        """The smallest region about a key with r nodes; less than that where it does not pay or was not to be had."""
        nearest = await self._lookup(key)
        block, nodes = self._known(key, nearest), set(nearest)
        while self._count(block, nodes) < self._replicas and block.depth:
            if not self._is_worth_it(block.parent) or not await self._fill(block.sibling, nodes):
                return Region(Block.around(key, within=1), tuple(nearest))
            block = block.parent
        return Region(block, tuple(nodes))

    async def _fill(self, block: Block, nodes: set[Peer]) -> bool:
        """Add every node of a block; False when that took too many lookups."""
        if not self._left:
            return False
        self._left -= 1
        nearest = await self._lookup(block.middle)
        nodes.update(nearest)
        known = self._known(block.middle, nearest)
        while known.depth > block.depth:
            if not await self._fill(known.sibling, nodes):
                return False
            known = known.parent
        return True

    def _known(self, key: bytes, nearest: list[Peer]) -> Block:
        """The block about a key in which nobody but the nearest can be."""
        if len(nearest) < self._replicas:
            return EVERYTHING
        return Block.around(key, within=max(1, distance(nearest[-1].id, key)))

    def _count(self, block: Block, nodes: set[Peer]) -> int:
        return sum(peer.id in block for peer in nodes)
