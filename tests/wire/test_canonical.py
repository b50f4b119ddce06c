"""One encoding for each value; any bytes decode to a value that encodes to them, or raise WireError."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import FrameTooLarge, WireError
from idas_p2p.wire.canonical import MAX_DEPTH, MAX_ITEMS, pack, unpack
from tests.wire.strategies import damaged

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=50)
    | st.text(st.characters(codec="utf-8"), max_size=50)
)
plain = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4), max_leaves=20)


@given(plain)
def test_a_value_survives_the_round_trip(value: object) -> None:
    try:
        data = pack(value)
    except TypeError:
        assert repr(value).count("[") > MAX_DEPTH
        return
    assert unpack(data, max_size=100_000) == value


@given(st.binary(max_size=4_096) | damaged(scalars.map(pack)) | damaged(st.lists(scalars, max_size=9).map(pack)))
def test_any_bytes_decode_canonically_or_raise_wire_error(data: bytes) -> None:
    try:
        value = unpack(data, max_size=4_096)
    except WireError:
        return
    assert pack(value) == data


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x01\x02", id="bytes left over"),
        pytest.param(b"\xcc\x05", id="a longer form of 5"),
        pytest.param(b"\xd9\x01a", id="a longer form of a string"),
        pytest.param(b"\xdc\x00\x01\x01", id="a longer form of a list"),
        pytest.param(b"\xa2\xff\xfe", id="not UTF-8"),
        pytest.param(msgpack.packb({}), id="an empty map"),
        pytest.param(msgpack.packb({1: 2}), id="a map"),
        pytest.param(msgpack.packb(1.5), id="a float"),
        pytest.param(msgpack.packb(msgpack.ExtType(4, b"x")), id="an extension"),
        pytest.param(msgpack.packb(msgpack.Timestamp(0)), id="a time stamp"),
        pytest.param(b"\x91" * (MAX_DEPTH + 1) + b"\x00", id="one level too deep"),
        pytest.param(b"\x91" * 3_000 + b"\x00", id="far too deep"),
        pytest.param(b"\xdd\xff\xff\xff\xff", id="four billion items announced"),
        pytest.param(b"\xdd\x00\x01\x00\x00" * 800, id="lists of 65536 in one another"),
        pytest.param(b"\xc6\xff\xff\xff\xff", id="four gigabytes announced"),
    ],
)
def test_what_is_not_canonical_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        unpack(data, max_size=100_000)


def test_a_list_of_the_most_items_is_read_and_one_more_is_not() -> None:
    assert len(unpack(pack([0] * MAX_ITEMS), max_size=100_000)) == MAX_ITEMS
    with pytest.raises(WireError):
        unpack(pack([0] * (MAX_ITEMS + 1)), max_size=100_000)


def test_more_bytes_than_allowed_are_refused_unread() -> None:
    with pytest.raises(FrameTooLarge, match="11 bytes, 10 allowed"):
        unpack(bytes(11), max_size=10)


@pytest.mark.parametrize("value", [1.0, {}, {1}, object(), [[[[[[[[[1]]]]]]]]]])
def test_a_value_without_canonical_form_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        pack(value)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1])
def test_an_integer_out_of_range_cannot_be_packed(value: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        pack(value)


def test_tuples_become_lists() -> None:
    assert unpack(pack((1, (b"x",))), max_size=10) == [1, [b"x"]]
