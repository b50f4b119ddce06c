"""The routing table: which live nodes are known, nearest first, exactly.

Belongs here: membership, order, eviction. Not here: sending, proving (admission.py), time (passed in as a function).
Source: Maymounkov & Mazières 2002 section 2.2 and 2.4; limits 8, 9, 10, 27; docs/spec/directory.md section 8.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kademlia.node import Node
from kademlia.routing import KBucket, RoutingTable

from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.nearest import Nearest
from idas_p2p.directory.peers import Peer

MAX_FAILURES = 2  # questions in a row without answer that cost a contact its place
CALLED_UP = 2  # of those who wait for a place, when one falls free: one may be gone by then
STEP = 5  # bits; buckets away from us end at depths that are a multiple of it, as in kademlia
NEIGHBOURS = 2  # times k: so many members nearer to us end our neighbourhood; ours, more than hold a record
NEAR_PLACES = 3  # times k: members of a bucket in our neighbourhood; ours
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
        for peer in self.nodes.values():
            halves[peer.long_id > middle].add_node(peer)
        for peer in self.replacement_nodes.values():
            halves[peer.long_id > middle].replacement_nodes[peer.id] = peer
        return halves

    def remove_node(self, node: Peer) -> None:
        """Drop a contact; who waits has not shown yet that strangers reach it, so nobody moves up by itself."""
        self.nodes.pop(node.id, None)

    def next_waiting(self) -> list[Peer]:
        """Take those who wait and were heard last, the last first."""
        return [self.replacement_nodes.popitem()[1] for _ in range(min(CALLED_UP, len(self.replacement_nodes)))]


class ContactTable(RoutingTable):  # type: ignore[misc]  # kademlia carries no types
    """Buckets of peers that proved their key at their address.

    Args:
        protocol: whose table it is.
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
        self._nearest = Nearest()
        self._left = deque[Peer](maxlen=ksize)
        self.on_removed: Callable[[Peer], None] = lambda peer: None
        self.on_vacancy: Callable[[Peer], None] = lambda peer: None  # told whom to give a place that fell free
        super().__init__(protocol, ksize, node)

    def flush(self) -> None:
        """Forget everybody."""
        self.buckets = [Bucket(0, 2**160 - 1, self.ksize, self._monotonic)]
        self._members = {}
        self._nearest = Nearest()

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

    def has_place(self, node: Peer) -> bool:
        """Whether a peer would be taken in, were it proved."""
        if node.id == self.node.id:
            return False
        bucket = self._bucket_with_room(node)
        return not bucket.is_new_node(node) or (
            len(bucket) < self._capacity(bucket) and not self._crowded(bucket, node)
        )

    def wanted(self, nodes: Iterable[Peer]) -> list[Peer]:
        """Those who are no members and would find a place, no more of them than there are places."""
        chosen: list[Peer] = []
        taken: Counter[int] = Counter()  # by low end of the bucket
        for node in nodes:
            bucket = self._bucket_with_room(node)
            places = self._capacity(bucket) - len(bucket) - taken[bucket.range[0]]
            if bucket.is_new_node(node) and places > 0 and self.has_place(node):
                taken[bucket.range[0]] += 1
                chosen.append(node)
        return chosen

    def await_place(self, node: Peer) -> None:
        """Let a peer that proved its key wait until a place in its bucket falls free."""
        bucket = self._bucket_with_room(node)
        if len(bucket) >= self.ksize and bucket.is_new_node(node) and node.id != self.node.id:
            bucket.add_node(node)

    def add_contact(self, node: Peer) -> None:
        """Take in a proved peer, or move it to the end of its bucket; when that is full, it waits."""
        if not self.has_place(node):
            self.await_place(node)
            return
        bucket = self.buckets[self.get_bucket_for(node)]
        bucket.nodes.pop(node.id, None)
        bucket.nodes[node.id] = node
        bucket.replacement_nodes.pop(node.id, None)
        self._members[node.id] = node
        self._nearest.put(node)

    def remove_contact(self, node: Peer) -> None:
        """Drop a peer; those who wait for its place are called up."""
        bucket = self.buckets[self.get_bucket_for(node)]
        bucket.remove_node(node)
        self._members.pop(node.id, None)
        self._nearest.discard(node)
        self._left.append(node)
        self.on_removed(node)
        for peer in bucket.next_waiting():
            self.on_vacancy(peer)

    def last_left(self) -> list[Peer]:
        """The last to leave, newest first: where to ask when nobody is left, for the silence may have been ours."""
        return list(reversed(self._left))

    def note_failure(self, node: Peer, failures: int) -> None:
        """A question went unanswered; one lost packet costs nobody the place."""
        if failures >= MAX_FAILURES and self._members.get(node.id) == node:
            self.remove_contact(node)

    def find_neighbors(self, node: Node, k: int | None = None, exclude: Node | None = None) -> list[Peer]:
        """The k members nearest to `node` by XOR, nearest first; without `exclude`."""
        count = k or self.ksize
        if exclude is None:
            return self._nearest.find(node.long_id, count)
        return [peer for peer in self._nearest.find(node.long_id, count + 1) if peer.id != exclude.id][:count]

    def touch(self, node: Node) -> None:
        """Note that a lookup for this id was made."""
        self.buckets[self.get_bucket_for(node)].touch_last_updated()

    def lonely_buckets(self) -> list[Bucket]:
        """Buckets no lookup went through for an hour."""
        before = self._monotonic() - LONELY
        return [bucket for bucket in self.buckets if bucket.last_updated < before]

    def _bucket_with_room(self, node: Peer) -> Bucket:
        """The bucket of an id, split as often as that may make room."""
        while True:
            bucket = self.buckets[self.get_bucket_for(node)]
            is_final = not bucket.has_in_range(self.node) and bucket.depth() % STEP == 0
            if len(bucket) < self.ksize or not bucket.is_new_node(node) or is_final:
                return bucket
            self.split_bucket(self.buckets.index(bucket))

    def _capacity(self, bucket: Bucket) -> int:
        """How many members a bucket may have: k, and more in our neighbourhood.

        That is where few members are nearer to us than its ids: all of these nodes we want to know, for they hold the
        same records as we do (section 2.4 of the paper asks for the same).
        """
        own = self.node.long_id
        nearer = 1 << max(0, (bucket.range[0] ^ own).bit_length() - 1)  # so many ids, side by side, are nearer to us
        is_near: bool = self._nearest.count(own & -nearer, nearer) < NEIGHBOURS * self.ksize
        return int(self.ksize) * (NEAR_PLACES if is_near else 1)

    def _crowded(self, bucket: Bucket, node: Peer) -> bool:
        block = self._policy.block(node.endpoint[0])
        if not block:
            return False
        neighbours = sum(self._policy.block(peer.endpoint[0]) == block for peer in bucket.get_nodes())
        return neighbours >= self._policy.contacts_per_block
