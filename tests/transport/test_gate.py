"""Who may begin a handshake, by number."""

from __future__ import annotations

from idas_p2p.crypto.handshake import Refusal
from idas_p2p.transport.gate import Gate
from idas_p2p.wire.ids import NodeId

PEER = NodeId(b"p" * 32)


def test_handshakes_under_way_are_limited_and_an_ended_one_makes_room() -> None:
    gate = Gate(max_half_open=2)
    assert gate.enter("192.0.2.1") is None
    assert gate.enter("192.0.2.2") is None
    assert gate.enter("192.0.2.3") is Refusal.TOO_MANY_HALF_OPEN
    gate.leave("192.0.2.1")
    assert gate.enter("192.0.2.3") is None


def test_one_host_cannot_take_every_place() -> None:
    gate = Gate(max_half_open_per_host=1)
    assert gate.enter("192.0.2.1") is None
    assert gate.enter("192.0.2.1") is Refusal.TOO_MANY_FROM_HOST
    assert gate.enter("192.0.2.2") is None


def test_the_addresses_of_one_ipv6_network_count_as_one_host() -> None:
    gate = Gate(max_half_open_per_host=1)
    assert gate.enter("2001:db8::1") is None
    assert gate.enter("2001:db8::2") is Refusal.TOO_MANY_FROM_HOST
    assert gate.enter("2001:db8:0:1::1") is None


def test_channels_and_handshakes_together_are_limited() -> None:
    gate = Gate(max_channels=2)
    gate.enter("192.0.2.1")
    gate.leave("192.0.2.1")
    gate.open_channel(PEER)
    assert gate.enter("192.0.2.1") is None
    assert gate.enter("192.0.2.2") is Refusal.TOO_MANY_CHANNELS
    gate.end_channel(PEER)
    assert gate.enter("192.0.2.2") is None


def test_one_peer_cannot_take_every_channel() -> None:
    gate = Gate(max_channels_per_peer=1)
    assert gate.has_room_for(PEER)
    gate.open_channel(PEER)
    assert not gate.has_room_for(PEER)
    assert gate.has_room_for(NodeId(b"q" * 32))
    gate.end_channel(PEER)
    assert gate.has_room_for(PEER)


def test_nothing_is_remembered_of_those_who_left() -> None:
    gate = Gate()
    for number in range(100):
        gate.enter(f"192.0.2.{number}")
        gate.leave(f"192.0.2.{number}")
        gate.open_channel(NodeId(bytes([number]) * 32))
    assert (gate.half_open, gate.channels) == (0, 100)
    for number in range(100):
        gate.end_channel(NodeId(bytes([number]) * 32))
    assert not gate._half_open
    assert not gate._channels
