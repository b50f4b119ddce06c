"""A node of the directory as others know it: a place in the Kademlia space, a key, an endpoint.

Not here: whether it answers (liveness.py), whether it is in the table (table.py).
"""

from __future__ import annotations

from functools import lru_cache

from kademlia.node import Node

from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.rpc import Endpoint, Socket, WireContact

CACHED = 8_192  # peers whose forms are kept; ours: about 6 MB


class Peer(Node):  # type: ignore[misc]  # kademlia carries no types
    """A node whose Kademlia id is the hash of its key, so that nobody chooses one; limits 25 and 27.

    Args:
        node_id: its public key.
        endpoint: where it answers.
    """

    id: bytes  # 20 bytes
    long_id: int

    def __init__(self, node_id: NodeId, endpoint: Endpoint) -> None:
        super().__init__(node_id.kademlia_id, endpoint[0], endpoint[1])
        self.node_id = node_id
        self.endpoint = endpoint
        self._hash = hash((node_id, endpoint))  # asked for some hundred times in a lookup

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Peer) and (self.node_id, self.endpoint) == (other.node_id, other.endpoint)

    def __hash__(self) -> int:
        return self._hash

    @property
    def contact(self) -> Contact:
        """For people and files."""
        return Contact(Address(*self.endpoint), self.node_id)

    def to_wire(self) -> WireContact:
        """For replies."""
        return _contact(self)

    @classmethod
    def from_wire(cls, contact: WireContact) -> Peer:
        """From a reply; the same few thousand are named again and again."""
        return _named(contact)


@lru_cache(maxsize=CACHED)
def _named(contact: WireContact) -> Peer:
    return Peer(contact.node_id, contact.socket.endpoint)


@lru_cache(maxsize=CACHED)
def _contact(peer: Peer) -> WireContact:
    return WireContact(node_id=peer.node_id, socket=Socket.of(peer.endpoint))


def distance(one: bytes, other: bytes) -> int:
    """XOR of two 20-byte ids, as a number."""
    return int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
