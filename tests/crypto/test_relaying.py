"""The handshake of a node with a relay, vouchers and memberships, without a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.crypto.keys import SigningKey, random_bytes, x25519_public
from idas_p2p.crypto.noise import HandshakeState
from idas_p2p.crypto.relaying import PATTERN, PROLOGUE, LinkInitiator, LinkResponder, is_membership, is_voucher
from idas_p2p.errors import HandshakeFailed
from idas_p2p.wire.federation import Membership, membership_bytes
from idas_p2p.wire.handshake import Introduction
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import voucher_bytes

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/relay.json").read_text())
ALICE, RELAY, MALLORY = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))


@pytest.mark.parametrize("vector", VECTORS["handshakes"])
def test_our_messages_and_keys_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    identity, relay_key = (SigningKey(bytes.fromhex(vector[name])) for name in ("node_seed", "relay_seed"))
    ephemerals = [bytes.fromhex(vector[name]) for name in ("node_ephemeral", "relay_ephemeral")]
    node = LinkInitiator(identity, relay_key.node_id, random_bytes=lambda _: ephemerals[0])
    relay = LinkResponder(relay_key, random_bytes=lambda _: ephemerals[1])
    hello = node.hello()
    answer = relay.read_hello(hello)
    node.read_answer(answer)
    introduction, keys = node.introduce()
    assert [message.hex() for message in (hello, answer, introduction)] == vector["messages"]
    assert [key.hex() for key in keys] == [vector["node_sends_with"], vector["relay_sends_with"]]
    assert relay.read_introduction(introduction) == (identity.node_id, (keys[1], keys[0]))


@pytest.mark.parametrize("vector", VECTORS["vouchers"], ids=lambda vector: vector["comment"])
def test_vouchers_have_their_outcomes(vector: dict[str, Any]) -> None:
    node, relay = (NodeId(bytes.fromhex(vector[name])) for name in ("node", "relay"))
    good = is_voucher(bytes.fromhex(vector["signature"]), node=node, relay=relay, expires=vector["expires"])
    assert good == (vector["outcome"] == "success")
    if good:
        assert voucher_bytes(node=node, relay=relay, expires=vector["expires"]).hex() == vector["signed"]


@pytest.mark.parametrize("vector", VECTORS["memberships"], ids=lambda vector: vector["comment"])
def test_memberships_have_their_outcomes(vector: dict[str, Any]) -> None:
    node = NodeId(bytes.fromhex(vector["node"]))
    shown = Membership(
        admin=NodeId(bytes.fromhex(vector["admin"])),
        federation=bytes.fromhex(vector["federation"]),
        epoch=vector["epoch"],
        expires=vector["expires"],
        signature=bytes.fromhex(vector["signature"]),
    )
    good = is_membership(shown, node=node)
    assert good == (vector["outcome"] == "success")
    if good:
        signed = membership_bytes(federation=shown.federation, node=node, epoch=shown.epoch, expires=shown.expires)
        assert signed.hex() == vector["signed"]


def test_a_node_that_introduces_another_is_refused() -> None:
    relay = LinkResponder(RELAY, random_bytes=random_bytes)
    liar = HandshakeState(
        PATTERN,
        initiator=True,
        static=MALLORY.x25519_secret(),
        remote_static=_twin(RELAY),
        prologue=PROLOGUE,
        random_bytes=random_bytes,
    )
    liar.read_message(relay.read_hello(liar.write_message(b"")))
    with pytest.raises(HandshakeFailed, match="not the one"):
        relay.read_introduction(liar.write_message(Introduction(node_id=ALICE.node_id).to_bytes()))


def _twin(key: SigningKey) -> bytes:
    return x25519_public(key.node_id)


def test_another_relay_cannot_answer() -> None:
    node = LinkInitiator(ALICE, RELAY.node_id, random_bytes=random_bytes)
    with pytest.raises(HandshakeFailed):
        LinkResponder(MALLORY, random_bytes=random_bytes).read_hello(node.hello())


@given(st.binary(max_size=200))
def test_noise_is_refused_by_its_name(noise: bytes) -> None:
    with pytest.raises(HandshakeFailed):
        LinkResponder(RELAY, random_bytes=random_bytes).read_hello(noise)
