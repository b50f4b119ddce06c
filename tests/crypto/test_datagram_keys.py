from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.crypto.datagram_keys import WINDOW, ReplayWindow, Session, derive_session
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadSignature
from idas_p2p.wire.datagrams import Handshake, Sealed, parse_datagram

ALICE, BOB = SigningKey(b"a" * 32).node_id, SigningKey(b"b" * 32).node_id
PLACE = ("192.0.2.1", 7000)


def pair(*, identities: bytes = b"i" * 32, cookie: bytes = b"c" * 24) -> tuple[Session, Session]:
    alice, bob = (
        derive_session(
            identities,
            b"e" * 32,
            initiator=(ALICE, b"x" * 32),
            responder=(BOB, b"y" * 32),
            cookie=cookie,
            endpoint=PLACE,
            is_initiator=is_initiator,
            now=0.0,
        )
        for is_initiator in (True, False)
    )
    return alice, bob


def opened(session: Session, data: bytes) -> bytes:
    frame = parse_datagram(data)
    assert isinstance(frame, Handshake | Sealed)
    return session.open(frame.counter, frame.header, frame.sealed)


def test_each_side_opens_what_the_other_seals() -> None:
    alice, bob = pair()
    assert opened(bob, alice.seal(b"question")) == b"question"
    assert opened(alice, bob.seal(b"answer")) == b"answer"
    alice.opening = None
    assert opened(bob, alice.seal(b"next")) == b"next"


def test_what_one_side_sealed_does_not_open_for_itself() -> None:
    alice, _ = pair()
    with pytest.raises(BadSignature):
        opened(alice, alice.seal(b"reflected"))


@pytest.mark.parametrize("other", [{"identities": b"j" * 32}, {"cookie": b"d" * 24}], ids=["identities", "cookie"])
def test_other_identities_or_another_cookie_give_other_keys(other: dict[str, bytes]) -> None:
    alice, _ = pair()
    _, stranger = pair(**other)
    with pytest.raises(BadSignature):
        opened(stranger, alice.seal(b"question"))


@given(st.integers(0, 90), st.integers(1, 255))
def test_a_changed_byte_anywhere_does_not_open(place: int, flip: int) -> None:
    alice, bob = pair()
    alice.opening = None
    data = bytearray(alice.seal(b"x" * 60))
    data[1 + place] ^= flip
    frame = parse_datagram(bytes(data))
    assert isinstance(frame, Handshake | Sealed)
    with pytest.raises(BadSignature):
        bob.open(frame.counter, frame.header, frame.sealed)


@given(st.lists(st.integers(0, 3 * WINDOW), max_size=60))
def test_the_window_never_lets_a_counter_pass_twice(counters: list[int]) -> None:
    window, passed = ReplayWindow(), []
    for counter in counters:
        if not window.has_seen(counter):
            window.mark(counter)
            passed.append(counter)
    assert len(passed) == len(set(passed))


def test_late_counters_pass_within_the_window_only() -> None:
    window = ReplayWindow()
    window.mark(1_000)
    assert not window.has_seen(1_000 - WINDOW + 1)
    assert window.has_seen(1_000 - WINDOW)
