"""Dataclasses come back as they were, and only within the limits of their annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import FrameTooLarge, WireError
from idas_p2p.wire.address import Address
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import Limit, decode, encode, exactly, from_plain, to_plain
from tests.wire.strategies import damaged, valid


@dataclass(frozen=True)
class Inner:
    flag: bool
    name: Annotated[str, Limit(0, 3)]


@dataclass(frozen=True)
class Outer:
    number: Annotated[int, Limit(-5, 10)]
    key: Annotated[bytes, exactly(2)]
    maybe: Annotated[str, Limit(1, 4)] | None
    inner: Inner
    many: Annotated[tuple[Inner, ...], Limit(0, 2)]
    node: NodeId
    address: Address


PLAIN: list[Any] = [7, b"ab", None, [True, "x"], [[False, ""]], bytes(32), ["10.0.0.1", 104]]
VALUE = Outer(7, b"ab", None, Inner(True, "x"), (Inner(False, ""),), NodeId(bytes(32)), Address("10.0.0.1", 104))


def test_a_dataclass_is_the_list_of_its_fields_in_order() -> None:
    assert to_plain(VALUE) == PLAIN
    assert from_plain(Outer, PLAIN) == VALUE


@given(valid(Outer))
def test_a_value_survives_the_round_trip(value: Outer) -> None:
    assert decode(Outer, encode(value), max_size=1_000) == value


@given(st.binary(max_size=200) | damaged(valid(Outer).map(encode)))
def test_any_bytes_decode_canonically_or_raise_wire_error(data: bytes) -> None:
    try:
        value = decode(Outer, data, max_size=1_000)
    except WireError:
        return
    assert encode(value) == data


@pytest.mark.parametrize(
    ("field", "item", "reason"),
    [
        (0, 11, "Outer.number: outside -5 to 10"),
        (0, True, "Outer.number: not int"),
        (0, None, "Outer.number: not int"),
        (1, b"abc", "Outer.key: outside 2 to 2"),
        (1, "ab", "Outer.key: not bytes"),
        (2, "", "Outer.maybe: outside 1 to 4"),
        (2, 5, "Outer.maybe: not str"),
        (3, [True], "Outer.inner: Inner has 2 fields"),
        (3, [1, "x"], "Outer.inner: Inner.flag: not bool"),
        (3, None, "Outer.inner: Inner has 2 fields"),
        (4, [[True, ""]] * 3, "Outer.many: outside 0 to 2 items"),
        (4, b"", "Outer.many: not a list"),
        (4, [[True, "long"]], "Outer.many: Inner.name: outside 0 to 3"),
        (5, bytes(31), "Outer.node: a NodeId has 32 bytes"),
        (5, "x", "Outer.node: not bytes"),
        (6, ["10.0.0.1"], "Outer.address: not an address"),
        (6, ["10.0.0.1", True], "Outer.address: not an address"),
        (6, ["", 1], "Outer.address: not a host name or IP address"),
        (6, ["h", 70_000], "Outer.address: a port is 0 to 65535"),
    ],
)
def test_a_bad_field_is_named_with_the_reason(field: int, item: object, reason: str) -> None:
    plain = list(PLAIN)
    plain[field] = item
    with pytest.raises(WireError) as caught:
        from_plain(Outer, plain)
    assert caught.value.detail == reason


@pytest.mark.parametrize("plain", [[], PLAIN[:-1], [*PLAIN, 0], "text", None, 5])
def test_a_field_missing_or_left_over_is_refused(plain: object) -> None:
    with pytest.raises(WireError, match="Outer has 7 fields"):
        from_plain(Outer, plain)


def test_bytes_over_the_size_are_refused_unread() -> None:
    with pytest.raises(FrameTooLarge):
        decode(Outer, pack(PLAIN), max_size=10)


def test_text_without_a_limit_is_an_error_of_the_programmer() -> None:
    @dataclass(frozen=True)
    class Unlimited:
        text: str

    Unlimited.__annotations__["text"] = str
    with pytest.raises(TypeError, match="needs a Limit"):
        from_plain(Unlimited, ["x"])
