"""Peers sorted by id, so that those nearest to an id are found without looking at all the others.

Belongs here: order by XOR distance. Not here: who may be in (table.py). Limit 8.
Ids that share their first bits lie side by side, and all of them are nearer to an id with the same first bits than any
id without: so the nearest are in the smallest such block that has enough.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from idas_p2p.directory.peers import Peer


class Nearest:
    """A set of peers, one for each id."""

    def __init__(self) -> None:
        self._ids: list[int] = []  # ascending
        self._peers: dict[int, Peer] = {}

    def put(self, peer: Peer) -> None:
        """Add a peer, in place of one with its id."""
        if peer.long_id not in self._peers:
            insort(self._ids, peer.long_id)
        self._peers[peer.long_id] = peer

    def discard(self, peer: Peer) -> None:
        """Remove the peer with this id, if there is one."""
        if self._peers.pop(peer.long_id, None) is not None:
            del self._ids[bisect_left(self._ids, peer.long_id)]

    def count(self, low: int, size: int) -> int:
        """How many ids lie in `size` numbers from `low` on."""
        return bisect_left(self._ids, low + size) - bisect_left(self._ids, low)

    def find(self, target: int, count: int) -> list[Peer]:
        """The `count` peers nearest to an id of 160 bits by XOR, nearest first."""
        low, high = self._block(target, count)
        nearest = sorted([number ^ target for number in self._ids[low:high]])
        return [self._peers[span ^ target] for span in nearest[:count]]

    def _block(self, target: int, count: int) -> tuple[int, int]:
        """Where the smallest block about an id with `count` peers begins and ends; all when there are fewer."""
        ids = self._ids
        if len(ids) <= count or count < 1:
            return 0, len(ids)
        place = bisect_left(ids, target)
        first, last = max(0, place - count), min(place, len(ids) - count)
        bits = min(
            max(ids[start] ^ target, ids[start + count - 1] ^ target).bit_length() for start in range(first, last + 1)
        )
        low = target >> bits << bits
        return bisect_left(ids, low, 0, place), bisect_left(ids, low + (1 << bits), place)
