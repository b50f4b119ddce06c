"""The handshake of two nodes, without a network: who gets in, who is refused by which name, what a replay shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.crypto.handshake import Initiator, Refusal, Responder, Session
from idas_p2p.crypto.keys import SigningKey, random_bytes, x25519_public
from idas_p2p.crypto.noise import HandshakeState, Psk
from idas_p2p.errors import HandshakeFailed
from idas_p2p.wire.handshake import Hello, Introduction, Purpose
from idas_p2p.wire.ids import NodeId

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/noise_channel.json").read_text())["vectors"]
ALICE, BOB, MALLORY = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
PSK = Psk(b"federati", bytes(32))
Admits = Callable[[NodeId, Purpose, bytes], bool]


def anybody(_peer: NodeId, _purpose: Purpose, _psk_id: bytes) -> bool:
    return True


def fixed(key: str) -> Callable[[int], bytes]:
    return lambda _size: bytes.fromhex(key)


def dialer(*, identity: SigningKey = ALICE, peer: NodeId = BOB.node_id, psk: Psk = PSK) -> Initiator:
    return Initiator(identity, peer, Purpose.IMAGE, psk, random_bytes=random_bytes)


def dialled(*, key: bytes | None = PSK.key, admits: Admits = anybody) -> Responder:
    return Responder(BOB, find_psk=lambda _purpose, _psk_id: key, admits=admits, random_bytes=random_bytes)


def shake_hands(initiator: Initiator, responder: Responder) -> tuple[Session, Session]:
    initiator.read_answer(responder.read_hello(initiator.hello()))
    message, session = initiator.introduce()
    return session, responder.read_introduction(message)


def test_both_sides_agree_on_keys_purpose_psk_and_each_other() -> None:
    ours, theirs = shake_hands(dialer(), dialled())
    assert (ours.peer, theirs.peer) == (BOB.node_id, ALICE.node_id)
    assert (ours.send_key, ours.receive_key) == (theirs.receive_key, theirs.send_key)
    assert ours.transcript == theirs.transcript
    assert theirs.purpose is Purpose.IMAGE
    assert theirs.psk_id == PSK.psk_id


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["purpose"]))
def test_our_messages_and_keys_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    dialer_seed, dialled_seed, psk_id, psk = (
        bytes.fromhex(vector[name]) for name in ("dialer_seed", "dialled_seed", "psk_id", "psk")
    )
    alice, bob, purpose = SigningKey(dialer_seed), SigningKey(dialled_seed), Purpose(vector["purpose"])
    initiator = Initiator(alice, bob.node_id, purpose, Psk(psk_id, psk), random_bytes=fixed(vector["dialer_ephemeral"]))
    responder = Responder(bob, find_psk=lambda *_: psk, admits=anybody, random_bytes=fixed(vector["dialled_ephemeral"]))
    messages = [initiator.hello()]
    messages.append(responder.read_hello(messages[0]))
    initiator.read_answer(messages[1])
    introduction, session = initiator.introduce()
    messages.append(introduction)
    assert [message.hex() for message in messages] == vector["messages"]
    assert session.send_key.hex() == vector["dialer_sends_with"]
    assert session.receive_key.hex() == vector["dialled_sends_with"]
    assert session.transcript.hex() == vector["transcript"]
    assert session.name.hex() == vector["channel_name"]
    assert responder.read_introduction(introduction).peer == alice.node_id


def test_two_handshakes_of_the_same_nodes_share_no_key() -> None:
    first, _ = shake_hands(dialer(), dialled())
    second, _ = shake_hands(dialer(), dialled())
    assert {first.send_key, first.receive_key}.isdisjoint({second.send_key, second.receive_key})


def test_a_session_never_prints_its_keys() -> None:
    session, _ = shake_hands(dialer(), dialled())
    assert repr(session.send_key) not in repr(session)
    assert repr(session.receive_key) not in repr(session)


@pytest.mark.parametrize(
    ("responder", "refusal"),
    [
        (dialled(key=None), Refusal.UNKNOWN_PSK),
        (dialled(key=b"another key of exactly 32 bytes."), Refusal.BAD_PROOF),
        (dialled(admits=lambda *_: False), Refusal.NOT_ADMITTED),
    ],
)
def test_a_dialer_that_may_not_come_in_is_refused_by_name(responder: Responder, refusal: Refusal) -> None:
    with pytest.raises(HandshakeFailed) as caught:
        shake_hands(dialer(), responder)
    assert caught.value.args == (refusal,)


def test_admission_is_asked_about_the_proved_peer_the_purpose_and_the_psk() -> None:
    asked: list[tuple[NodeId, Purpose, bytes]] = []
    shake_hands(dialer(), dialled(admits=lambda *question: asked.append(question) is None))
    assert asked == [(ALICE.node_id, Purpose.IMAGE, PSK.psk_id)]


def test_a_message_for_another_node_is_a_bad_hello() -> None:
    with pytest.raises(HandshakeFailed) as caught:
        dialled().read_hello(dialer(peer=MALLORY.node_id).hello())
    assert caught.value.args == (Refusal.BAD_HELLO,)


def test_nobody_but_the_dialled_node_can_answer() -> None:
    initiator = dialer(peer=MALLORY.node_id)
    answer = dialled().read_hello(dialer().hello())
    initiator.hello()
    with pytest.raises(HandshakeFailed):
        initiator.read_answer(answer)


def test_a_member_cannot_introduce_itself_as_another() -> None:
    responder = dialled()
    noise = HandshakeState(
        "XKpsk3",
        initiator=True,
        static=MALLORY.x25519_secret(),
        remote_static=x25519_public(BOB.node_id),
        prologue=b"idas_p2p channel",
        random_bytes=random_bytes,
    )
    noise.use_psk(PSK.key)
    hello = Hello(purpose=Purpose.CONTROL, psk_id=PSK.psk_id)
    noise.read_message(responder.read_hello(noise.write_message(hello.to_bytes())))
    with pytest.raises(HandshakeFailed) as caught:
        responder.read_introduction(noise.write_message(Introduction(node_id=ALICE.node_id).to_bytes()))
    assert caught.value.args == (Refusal.WRONG_IDENTITY,)


def test_a_replayed_first_message_is_answered_alike_whether_its_psk_is_known_or_not() -> None:
    recorded = dialer().hello()
    known, unknown = dialled().read_hello(recorded), dialled(key=None).read_hello(recorded)
    assert len(known) == len(unknown)
    assert known != unknown
    assert known != dialled().read_hello(recorded), "a fresh ephemeral key in each answer"


def test_whoever_replays_a_first_message_cannot_go_on() -> None:
    responder = dialled()
    victim = dialer()
    victim.read_answer(dialled().read_hello(recorded := victim.hello()))
    introduction, _ = victim.introduce()
    responder.read_hello(recorded)
    with pytest.raises(HandshakeFailed):
        responder.read_introduction(introduction)


def test_no_message_shows_identity_purpose_or_psk_in_clear() -> None:
    initiator, responder = dialer(), dialled()
    messages = [initiator.hello()]
    messages.append(responder.read_hello(messages[0]))
    initiator.read_answer(messages[1])
    messages.append(initiator.introduce()[0])
    seen = b"".join(messages)
    for secret in (ALICE.public, BOB.public, PSK.psk_id, PSK.key, b"image"):
        assert secret not in seen


def test_a_node_id_that_is_no_key_is_a_handshake_failed() -> None:
    with pytest.raises(HandshakeFailed):
        dialer(peer=NodeId(b"\xff" * 32))


@given(st.binary(max_size=256))
def test_any_bytes_as_a_hello_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(HandshakeFailed) as caught:
        dialled().read_hello(data)
    assert caught.value.args == (Refusal.BAD_HELLO,)


@given(st.binary(max_size=256))
def test_any_bytes_as_an_introduction_are_refused_by_name(data: bytes) -> None:
    responder = dialled()
    responder.read_hello(dialer().hello())
    with pytest.raises(HandshakeFailed) as caught:
        responder.read_introduction(data)
    assert caught.value.args == (Refusal.BAD_PROOF,)


@given(st.binary(max_size=256))
def test_any_bytes_as_an_answer_are_a_handshake_failed(data: bytes) -> None:
    initiator = dialer()
    initiator.hello()
    with pytest.raises(HandshakeFailed):
        initiator.read_answer(data)


@given(st.binary(max_size=60))
def test_any_payload_of_an_authentic_hello_is_a_purpose_or_a_refusal(payload: bytes) -> None:
    noise = HandshakeState(
        "XKpsk3",
        initiator=True,
        static=ALICE.x25519_secret(),
        remote_static=x25519_public(BOB.node_id),
        prologue=b"idas_p2p channel",
        random_bytes=random_bytes,
    )
    try:
        dialled().read_hello(noise.write_message(payload))
    except HandshakeFailed as error:
        assert error.args == (Refusal.BAD_HELLO,)  # noqa: PT017
