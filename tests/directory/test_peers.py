from __future__ import annotations

from idas_p2p.directory.peers import Peer, distance
from tests.directory.network import key, peer


def test_limits_13_and_25_the_id_of_a_peer_is_the_hash_of_its_key() -> None:
    assert peer(1).id == key(1).node_id.kademlia_id
    assert len(peer(1).id) == 20


def test_a_peer_survives_the_wire_and_the_contact_file() -> None:
    for one in (peer(1), peer(1, host="2001:db8::1", port=65_535)):
        assert Peer.from_wire(one.to_wire()) == one
        assert one.contact.address.host == one.endpoint[0]


def test_the_same_key_elsewhere_is_another_peer() -> None:
    assert peer(1, port=1) != peer(1, port=2)
    assert len({peer(1), peer(1), peer(2)}) == 2


def test_distance_is_exclusive_or() -> None:
    assert distance(b"\x01" * 20, b"\x01" * 20) == 0
    assert distance(bytes(20), bytes(19) + b"\x05") == 5
