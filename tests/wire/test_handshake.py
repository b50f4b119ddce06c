"""Payloads of the handshake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import UnsupportedVersion, WireError
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.handshake import Hello, Introduction, Purpose
from idas_p2p.wire.ids import NodeId


@given(st.sampled_from(Purpose), st.binary(min_size=8, max_size=8))
def test_a_hello_comes_back_as_it_was(purpose: Purpose, psk_id: bytes) -> None:
    hello = Hello(purpose=purpose, psk_id=psk_id)
    assert Hello.from_bytes(hello.to_bytes()) == hello


def test_the_size_of_a_hello_does_not_tell_its_purpose() -> None:
    assert len({len(Hello(purpose=purpose, psk_id=bytes(8)).to_bytes()) for purpose in Purpose}) == 1


def test_a_hello_of_a_later_version_is_refused_by_name_whatever_follows() -> None:
    with pytest.raises(UnsupportedVersion):
        Hello.from_bytes(pack([3, "something new", [1, 2, 3]]))


def test_a_hello_of_the_version_before_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedVersion):
        Hello.from_bytes(pack([1, 1, bytes(8)]))


def test_a_psk_id_of_another_size_is_refused() -> None:
    with pytest.raises(WireError):
        Hello(purpose=Purpose.CONTROL, psk_id=bytes(7))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.binary(max_size=9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4),
)


@given(st.binary(max_size=100) | PLAIN.map(pack) | st.tuples(st.just(2), PLAIN, PLAIN).map(pack))
def test_any_bytes_decode_canonically_or_raise_wire_error(data: bytes) -> None:
    for kind in (Hello, Introduction):
        try:
            value = kind.from_bytes(data)
        except WireError:
            continue
        assert value.to_bytes() == data


def test_an_introduction_comes_back_as_it_was() -> None:
    introduction = Introduction(node_id=NodeId(bytes(range(32))))
    assert Introduction.from_bytes(introduction.to_bytes()) == introduction
