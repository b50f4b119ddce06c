from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import FrameTooLarge, WireError
from idas_p2p.limits import MAX_DATAGRAM_SIZE
from idas_p2p.wire.datagrams import (
    CHALLENGE,
    CHALLENGE_SIZE,
    HANDSHAKE,
    HANDSHAKE_HEADER_SIZE,
    HELLO,
    HELLO_SIZE,
    MAX_REPLY_SIZE,
    MAX_REQUEST_SIZE,
    MIN_PLAIN_SIZE,
    SEALED,
    SEALED_HEADER_SIZE,
    TAG_SIZE,
    Challenge,
    Handshake,
    Hello,
    Sealed,
    pad,
    parse_datagram,
    unpad,
)
from idas_p2p.wire.ids import NodeId

KINDS = st.sampled_from([HELLO, CHALLENGE, HANDSHAKE, SEALED, 0, 255])


@given(KINDS, st.binary(max_size=1400))
def test_any_bytes_parse_canonically_or_raise_wire_error(kind: int, rest: bytes) -> None:
    data = bytes([kind]) + rest
    try:
        datagram = parse_datagram(data)
    except WireError:
        return
    assert datagram.to_bytes() == data


@pytest.mark.parametrize(
    "datagram",
    [
        Hello(b"t" * 16),
        Challenge(b"t" * 16, b"c" * 24, b"e" * 32),
        Handshake(b"c" * 24, b"e" * 32, NodeId(b"n" * 32), 5, b"s" * 64),
        Sealed(b"i" * 8, 7, b"s" * 64),
    ],
    ids=lambda datagram: type(datagram).__name__,
)
def test_every_kind_survives_the_wire(datagram: Hello | Challenge | Handshake | Sealed) -> None:
    assert parse_datagram(datagram.to_bytes()) == datagram


def test_no_kind_that_is_challenged_is_smaller_than_the_challenge() -> None:
    assert HELLO_SIZE >= CHALLENGE_SIZE
    assert SEALED_HEADER_SIZE + MIN_PLAIN_SIZE + TAG_SIZE >= CHALLENGE_SIZE
    assert HANDSHAKE_HEADER_SIZE + MIN_PLAIN_SIZE + TAG_SIZE >= CHALLENGE_SIZE


def test_the_largest_messages_fill_a_datagram_of_1280_bytes() -> None:
    assert HANDSHAKE_HEADER_SIZE + len(pad(bytes(MAX_REQUEST_SIZE))) + TAG_SIZE == MAX_DATAGRAM_SIZE
    assert SEALED_HEADER_SIZE + len(pad(bytes(MAX_REPLY_SIZE))) + TAG_SIZE == MAX_DATAGRAM_SIZE


def test_a_datagram_over_1280_bytes_is_refused_unread() -> None:
    with pytest.raises(FrameTooLarge):
        parse_datagram(bytes([SEALED]) + bytes(MAX_DATAGRAM_SIZE))


@given(st.binary(max_size=200))
def test_padding_comes_off_as_it_went_on(message: bytes) -> None:
    assert unpad(pad(message)) == message


@given(st.binary(max_size=100))
def test_any_padding_but_our_own_is_refused(padded: bytes) -> None:
    try:
        message = unpad(padded)
    except WireError:
        return
    assert pad(message) == padded
