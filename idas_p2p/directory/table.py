"""The routing table: which live nodes are known, nearest first, exactly.

Belongs here: membership, order, eviction. Not here: sending, proving (admission.py), time (passed in as a function).
Source: Maymounkov & Mazières 2002 section 2.2 and 2.4; limits 8, 9, 10, 27; docs/spec/directory.md section 8.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from kademlia.node import Node
from kademlia.routing import KBucket, RoutingTable

from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.peers import Peer

MAX_FAILURES = 2  # questions in a row without answer that cost a contact its place
MAX_PER_BLOCK = 2  # contacts of one public address block in one bucket
LONELY = 3_600.0  # seconds without a lookup until a bucket is refreshed


class Bucket(KBucket):  # type: ignore[misc]  # kademlia carries no types
    """A bucket whose order is who was heard last, on a clock that is passed in."""

    def __init__(self, low: int, high: int, ksize: int, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        super().__init__(low, high, ksize)

    def touch_last_updated(self) -> None:
        """Note that a lookup went through here."""
        self.last_updated = self._monotonic()

    def depth(self) -> int:
        """Leading bits that all ids of the range share."""
        return 161 - (int(self.range[1]) - int(self.range[0]) + 1).bit_length()

    def split(self) -> tuple[Bucket, Bucket]:
        """Two halves with the same contacts, replacements included."""
        middle = (self.range[0] + self.range[1]) // 2
        halves = (
            Bucket(self.range[0], middle, self.ksize, self._monotonic),
            Bucket(middle + 1, self.range[1], self.ksize, self._monotonic),
        )
        for peer in [*self.nodes.values(), *self.replacement_nodes.values()]:
            halves[peer.long_id > middle].add_node(peer)
        return halves


class ContactTable(RoutingTable):  # type: ignore[misc]  # kademlia carries no types
    """Buckets of peers that proved their key at their address.

    Args:
        protocol: asked to check the oldest contact of a full bucket.
        ksize: contacts in a bucket.
        node: ourselves; never in the table.
        policy: which addresses count as one site.
        monotonic: seconds, never backwards.
    """

    def __init__(
        self, protocol: Any, ksize: int, node: Peer, *, policy: AddressPolicy, monotonic: Callable[[], float]
    ) -> None:
        self._policy = policy
        self._monotonic = monotonic
        self._members: dict[bytes, Peer] = {}
        self.on_removed: Callable[[Peer], None] = lambda peer: None
        super().__init__(protocol, ksize, node)

    def flush(self) -> None:
        """Forget everybody."""
        self.buckets = [Bucket(0, 2**160 - 1, self.ksize, self._monotonic)]
        self._members = {}

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Peer]:
        return iter(list(self._members.values()))

    def get(self, kademlia_id: bytes) -> Peer | None:
        """The member of this id."""
        return self._members.get(kademlia_id)

    def get_bucket_for(self, node: Node) -> int:
        """Index of the bucket whose range holds the id."""
        low, high = 0, len(self.buckets) - 1
        while low < high:
            middle = (low + high) // 2
            if node.long_id <= self.buckets[middle].range[1]:
                high = middle
            else:
                low = middle + 1
        return low

    def add_contact(self, node: Peer) -> None:
        """Take in a proved peer, or move it to the end of its bucket; when full, check on the oldest."""
        if node.id == self.node.id:
            return
        bucket = self.buckets[self.get_bucket_for(node)]
        if bucket.is_new_node(node) and self._crowded(bucket, node):
            return
        while not bucket.add_node(node):
            if not bucket.has_in_range(self.node) and bucket.depth() % 5 == 0:
                self.protocol.check_on(bucket.head())
                return
            self.split_bucket(self.buckets.index(bucket))
            bucket = self.buckets[self.get_bucket_for(node)]
            bucket.replacement_nodes.pop(node.id, None)
        self._members[node.id] = node

    def remove_contact(self, node: Peer) -> None:
        """Drop a peer; a replacement takes its place."""
        bucket = self.buckets[self.get_bucket_for(node)]
        bucket.remove_node(node)
        self._members.pop(node.id, None)
        for peer in bucket.get_nodes():
            self._members[peer.id] = peer
        self.on_removed(node)

    def note_failure(self, node: Peer, failures: int) -> None:
        """A question went unanswered; one lost packet costs nobody the place."""
        if failures >= MAX_FAILURES and self._members.get(node.id) == node:
            self.remove_contact(node)

    def find_neighbors(self, node: Node, k: int | None = None, exclude: Node | None = None) -> list[Peer]:
        """The k members nearest to `node` by XOR, nearest first; without `exclude`."""
        target: int = node.long_id
        without = exclude.id if exclude is not None else b""
        members = (peer for peer in self._members.values() if peer.id != without)
        return heapq.nsmallest(k or self.ksize, members, key=lambda peer: peer.long_id ^ target)

    def touch(self, node: Node) -> None:
        """Note that a lookup for this id was made."""
        self.buckets[self.get_bucket_for(node)].touch_last_updated()

    def lonely_buckets(self) -> list[Bucket]:
        """Buckets no lookup went through for an hour."""
        before = self._monotonic() - LONELY
        return [bucket for bucket in self.buckets if bucket.last_updated < before]

    def _crowded(self, bucket: Bucket, node: Peer) -> bool:
        block = self._policy.block(node.endpoint[0])
        if not block:
            return False
        blocks = Counter(self._policy.block(peer.endpoint[0]) for peer in bucket.get_nodes())
        return blocks[block] >= MAX_PER_BLOCK
