from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.session_table import SessionTable
from idas_p2p.crypto.sessions import HELLO_SPACING, Drop, Received, Sessions
from idas_p2p.limits import SESSION_LIFETIME
from idas_p2p.wire.datagrams import CHALLENGE, HANDSHAKE, HELLO, SEALED, Hello

ALICE, BOB = SigningKey(b"a" * 32), SigningKey(b"b" * 32)
AT_ALICE, AT_BOB, ELSEWHERE = ("192.0.2.1", 7000), ("192.0.2.2", 7000), ("203.0.113.9", 9)


def sessions(identity: SigningKey, *, limit: int = 100) -> Sessions:
    return Sessions(identity, random_bytes=random_bytes, table=SessionTable(limit=limit))


def some(data: bytes | None) -> bytes:
    assert data is not None
    return data


def confirmed(alice: Sessions, bob: Sessions) -> None:
    """Let Alice open a session with Bob, and Bob answer."""
    opened(alice, bob)
    alice.receive(some(bob.send(ALICE.node_id, AT_ALICE, b"answer", now=0.0)), AT_BOB, now=0.0)


def opened(alice: Sessions, bob: Sessions, message: bytes = b"question", *, now: float = 0.0) -> tuple[bytes, Received]:
    """Let Alice open a session with Bob; the handshake, and what Bob made of it."""
    hello = some(alice.send(BOB.node_id, AT_BOB, message, now=now))
    challenge = some(bob.receive(hello, AT_ALICE, now=now).reply)
    assert alice.receive(challenge, AT_BOB, now=now) == Received(peer=BOB.node_id, send_again=True)
    handshake = some(alice.send(BOB.node_id, AT_BOB, message, now=now))
    return handshake, bob.receive(handshake, AT_ALICE, now=now)


def test_the_first_message_arrives_with_the_answer_to_the_challenge() -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    _, got = opened(alice, bob)
    assert got == Received(peer=ALICE.node_id, message=b"question")
    assert some(alice.send(BOB.node_id, AT_BOB, b"more", now=0.0))[0] == HANDSHAKE
    answer = some(bob.send(ALICE.node_id, AT_ALICE, b"answer", now=0.0))
    assert answer[0] == SEALED
    assert alice.receive(answer, AT_BOB, now=0.0) == Received(peer=BOB.node_id, message=b"answer")
    assert some(alice.send(BOB.node_id, AT_BOB, b"more", now=0.0))[0] == SEALED


def test_messages_before_the_first_answer_open_the_session_in_any_order() -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    challenge = some(bob.receive(some(alice.send(BOB.node_id, AT_BOB, b"", now=0.0)), AT_ALICE, now=0.0).reply)
    alice.receive(challenge, AT_BOB, now=0.0)
    messages = [b"one", b"two", b"three"]
    sent = [some(alice.send(BOB.node_id, AT_BOB, message, now=0.0)) for message in messages]
    got = [bob.receive(data, AT_ALICE, now=0.0).message for data in reversed(sent)]
    assert got == list(reversed(messages))
    assert len(bob) == 1


def test_nothing_of_a_message_travels_in_clear() -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    handshake, _ = opened(alice, bob, b"PATIENT-CANARY")
    sealed = some(alice.send(BOB.node_id, AT_BOB, b"PATIENT-CANARY", now=0.0))
    assert b"CANARY" not in handshake + sealed


def test_a_peer_that_lost_the_session_gets_the_message_one_round_trip_later() -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    confirmed(alice, bob)
    restarted = sessions(BOB)
    sealed = some(alice.send(BOB.node_id, AT_BOB, b"again", now=1.0))
    challenged = restarted.receive(sealed, AT_ALICE, now=1.0)
    assert challenged.dropped is Drop.UNKNOWN_SESSION
    assert alice.receive(some(challenged.reply), AT_BOB, now=1.0).send_again
    handshake = some(alice.send(BOB.node_id, AT_BOB, b"again", now=1.0))
    assert restarted.receive(handshake, AT_ALICE, now=1.0).message == b"again"


def test_a_session_moved_to_another_address_is_challenged_there() -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    confirmed(alice, bob)
    got = bob.receive(some(alice.send(BOB.node_id, AT_BOB, b"moved", now=0.0)), ELSEWHERE, now=0.0)
    assert (got.message, got.dropped) == (None, Drop.UNKNOWN_SESSION)


def test_a_replayed_datagram_is_dropped_as_replayed() -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    handshake, _ = opened(alice, bob)
    sealed = some(alice.send(BOB.node_id, AT_BOB, b"once", now=0.0))
    assert bob.receive(sealed, AT_ALICE, now=0.0).message == b"once"
    assert bob.receive(sealed, AT_ALICE, now=0.0).dropped is Drop.REPLAYED
    assert bob.receive(handshake, AT_ALICE, now=0.0).dropped is Drop.REPLAYED


def test_limit_25_nobody_speaks_for_another_key() -> None:
    mallory, bob = sessions(SigningKey(b"m" * 32)), sessions(BOB)
    handshake = bytearray(opened(mallory, sessions(BOB))[0])
    hello = some(sessions(ALICE).send(BOB.node_id, AT_BOB, b"", now=0.0))
    challenge = some(bob.receive(hello, ELSEWHERE, now=0.0).reply)
    handshake[1:25], handshake[57:89] = challenge[17:41], ALICE.node_id.raw
    assert bob.receive(bytes(handshake), ELSEWHERE, now=0.0).dropped is Drop.NOT_AUTHENTIC


def test_only_the_key_that_was_meant_can_read_the_message() -> None:
    alice, mallory = sessions(ALICE), sessions(SigningKey(b"m" * 32))
    hello = some(alice.send(BOB.node_id, AT_BOB, b"secret", now=0.0))
    challenge = some(mallory.receive(hello, AT_ALICE, now=0.0).reply)
    alice.receive(challenge, AT_BOB, now=0.0)
    handshake = some(alice.send(BOB.node_id, AT_BOB, b"secret", now=0.0))
    assert mallory.receive(handshake, AT_ALICE, now=0.0).dropped is Drop.NOT_AUTHENTIC


def test_a_handshake_with_a_cookie_of_another_address_is_challenged_anew() -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    challenge = some(bob.receive(some(alice.send(BOB.node_id, AT_BOB, b"", now=0.0)), AT_ALICE, now=0.0).reply)
    alice.receive(challenge, AT_BOB, now=0.0)
    handshake = some(alice.send(BOB.node_id, AT_BOB, b"", now=0.0))
    got = bob.receive(handshake, ELSEWHERE, now=0.0)
    assert got.dropped is Drop.BAD_COOKIE
    assert len(some(got.reply)) <= len(handshake)


def test_a_challenge_nobody_asked_for_is_dropped() -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    challenge = some(bob.receive(Hello(b"t" * 16).to_bytes(), AT_ALICE, now=0.0).reply)
    assert alice.receive(challenge, AT_BOB, now=0.0).dropped is Drop.UNEXPECTED_CHALLENGE


def test_what_waits_for_a_challenge_goes_when_the_peer_opens_a_session_first() -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    hello = some(alice.send(BOB.node_id, AT_BOB, b"waiting", now=0.0))
    late = some(bob.receive(hello, AT_ALICE, now=0.0).reply)
    challenge = some(alice.receive(some(bob.send(ALICE.node_id, AT_ALICE, b"", now=0.0)), AT_BOB, now=0.0).reply)
    bob.receive(challenge, AT_ALICE, now=0.0)
    alice.receive(some(bob.send(ALICE.node_id, AT_ALICE, b"", now=0.0)), AT_BOB, now=0.0)
    assert alice.receive(late, AT_BOB, now=0.0) == Received(peer=BOB.node_id, send_again=True)
    sealed = some(alice.send(BOB.node_id, AT_BOB, b"waiting", now=0.0))
    assert bob.receive(sealed, AT_ALICE, now=0.0).message == b"waiting"


def test_hellos_to_one_peer_are_spaced() -> None:
    alice = sessions(ALICE)
    assert alice.send(BOB.node_id, AT_BOB, b"one", now=0.0) is not None
    assert alice.send(BOB.node_id, AT_BOB, b"two", now=HELLO_SPACING / 2) is None
    assert alice.send(BOB.node_id, AT_BOB, b"two", now=HELLO_SPACING) is not None


def test_an_old_session_gets_new_keys() -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    confirmed(alice, bob)
    assert some(alice.send(BOB.node_id, AT_BOB, b"", now=SESSION_LIFETIME - 1))[0] == SEALED
    assert some(alice.send(BOB.node_id, AT_BOB, b"", now=SESSION_LIFETIME))[0] == HELLO
    _, got = opened(alice, bob, b"renewed", now=SESSION_LIFETIME + 1)
    assert got.message == b"renewed"


def test_the_least_recently_used_session_goes_first() -> None:
    bob = sessions(BOB, limit=2)
    for number in range(3):
        opened(sessions(SigningKey(bytes([number]) * 32)), bob)
    assert len(bob) == 2
    assert not bob.has(SigningKey(bytes(32)).node_id, AT_ALICE)


@given(st.sampled_from([HELLO, CHALLENGE, HANDSHAKE, SEALED, 0]), st.binary(max_size=1_300) | st.just(bytes(72)))
def test_limits_23_and_24_an_unproved_address_never_gets_more_bytes_than_it_sent(kind: int, rest: bytes) -> None:
    data = bytes([kind]) + rest
    got = sessions(BOB).receive(data, ELSEWHERE, now=0.0)
    assert got.message is None
    assert len(got.reply or b"") <= len(data)


@pytest.mark.parametrize(
    "kind", [HELLO, CHALLENGE, HANDSHAKE, SEALED], ids=["hello", "challenge", "handshake", "sealed"]
)
def test_limit_23_real_datagrams_from_a_spoofed_address_win_nothing(kind: int) -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    hello = some(alice.send(BOB.node_id, AT_BOB, b"", now=0.0))
    challenge = some(bob.receive(hello, AT_ALICE, now=0.0).reply)
    alice.receive(challenge, AT_BOB, now=0.0)
    handshake = some(alice.send(BOB.node_id, AT_BOB, b"", now=0.0))
    friend = sessions(BOB)
    confirmed(alice, friend)
    sealed = some(alice.send(BOB.node_id, AT_BOB, b"", now=0.0))
    data = {HELLO: hello, CHALLENGE: challenge, HANDSHAKE: handshake, SEALED: sealed}[kind]
    got = bob.receive(data, ELSEWHERE, now=0.0)
    assert got.message is None
    assert len(got.reply or b"") <= len(data)


def test_who_used_up_its_budget_opens_no_session_and_costs_no_key_exchange() -> None:
    asked: list[tuple[str, int]] = []
    alice, bob = sessions(ALICE), sessions(BOB)
    bob.may_open = lambda endpoint: bool(asked.append(endpoint))  # type: ignore[func-returns-value]
    _, got = opened(alice, bob)
    assert got == Received(dropped=Drop.TOO_MUCH_WORK)
    assert asked == [AT_ALICE]
    assert len(bob) == 0


def test_whoever_moved_opens_new_sessions() -> None:
    alice, bob = sessions(ALICE), sessions(BOB)
    confirmed(alice, bob)
    assert alice.has(BOB.node_id, AT_BOB)
    alice.moved()
    assert not alice.has(BOB.node_id, AT_BOB)
    assert some(alice.send(BOB.node_id, AT_BOB, b"question", now=0.0))[0] == HELLO
