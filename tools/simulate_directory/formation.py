"""Who knows whom in a network that has long been running: every bucket as full as it gets, chosen by chance.

Belongs here: which contacts a node has. Not here: whose code keeps them. A node that has refreshed its buckets for
hours has met more nodes than they hold; and the nodes nearest to itself it knows all.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

ID_BITS = 160
STEP = 5  # bits; a bucket away from us is split down to depths that are a multiple, kademlia's routing.py


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Of whom a node keeps more than k contacts in a bucket.

    Args:
        size: the nodes than which fewer than this times k are nearer to it.
        places: this times k of them are kept in a bucket.
    """

    size: int
    places: int


PLAIN = Neighbourhood(size=0, places=1)  # nobody: as in the paper's buckets


class Membership:
    """All nodes, sorted by id.

    Args:
        ids: 160-bit numbers, by number of the node.
    """

    def __init__(self, ids: Sequence[int]) -> None:
        self._order = sorted(range(len(ids)), key=ids.__getitem__)
        self._sorted = [ids[number] for number in self._order]

    def nearest(self, target: int, count: int, alive: Sequence[bool]) -> list[int]:
        """The numbers of the `count` nodes alive that are nearest to an id, nearest first."""
        shift = ID_BITS
        low, high = 0, len(self._sorted)
        while shift:  # narrow down while enough are left
            low_next, high_next = self._span(target, shift - 1)
            if sum(alive[number] for number in self._order[low_next:high_next]) < count:
                break
            shift, low, high = shift - 1, low_next, high_next
        living = [place for place in range(low, high) if alive[self._order[place]]]
        living.sort(key=lambda place: self._sorted[place] ^ target)
        return [self._order[place] for place in living[:count]]

    def contacts(self, own: int, ksize: int, rng: random.Random, *, near: Neighbourhood) -> list[int]:
        """The numbers of the nodes that the node of id `own` knows, in an order of chance."""
        chosen: list[int] = []
        low, high = 0, len(self._sorted)
        depth = 0
        while high - low > 1:
            step = min(STEP, ID_BITS - depth)
            shift = ID_BITS - depth - step
            mine = own >> shift
            base = mine >> step << step
            for part in range(base, base + (1 << step)):
                if part == mine:
                    continue
                first, last = bisect_left(self._sorted, part << shift), bisect_left(self._sorted, part + 1 << shift)
                places = range(first, last)
                start, end = self._span(own, shift + (part ^ mine).bit_length() - 1)
                room = ksize * (near.places if end - start - 1 < near.size * ksize else 1)
                chosen += places if len(places) <= room else rng.sample(places, room)
            low, high = self._span(own, shift)
            depth += step
        rng.shuffle(chosen)
        return [self._order[place] for place in chosen]

    def _span(self, target: int, shift: int) -> tuple[int, int]:
        """The places of the nodes that share all but the last `shift` bits with the target."""
        first = target >> shift << shift
        return bisect_left(self._sorted, first), bisect_left(self._sorted, first + (1 << shift))
