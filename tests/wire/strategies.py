"""Hypothesis strategies for any frozen dataclass of the wire, read from its annotations."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from idas_p2p.blob import Octets
from idas_p2p.wire.address import Address
from idas_p2p.wire.ice import IceCandidate, IceTerms
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import Limit

node_ids = st.binary(min_size=32, max_size=32).map(NodeId)
addresses = st.builds(
    Address, st.sampled_from(["10.0.0.1", "::1", "node.example.org", "2001:db8::7"]), st.integers(0, 65_535)
)
candidates = st.builds(
    IceCandidate,
    st.integers(0, 1),
    st.builds(Address, st.sampled_from(["10.0.0.1", "2001:db8::7"]), st.integers(1, 65_535)),
)
ice_terms = st.builds(
    IceTerms,
    user=st.from_regex(r"[A-Za-z0-9+/]{4,32}", fullmatch=True),
    password=st.from_regex(r"[A-Za-z0-9+/]{22,64}", fullmatch=True),
    fingerprint=st.binary(min_size=32, max_size=32),
    candidates=st.lists(candidates, max_size=8).map(tuple),
)
MOST = 40  # items or bytes drawn where the limit allows more


def valid(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Valid values of a dataclass of the wire."""
    if cls is IceTerms:  # whose texts have an alphabet of their own
        return ice_terms
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{field.name: _field(hints[field.name]) for field in fields(cls)})


def _field(hint: Any) -> st.SearchStrategy[Any]:
    limit = Limit(0, 0)
    if get_origin(hint) is Annotated:
        hint, *marks = get_args(hint)
        limit = next(mark for mark in marks if isinstance(mark, Limit))
    if hint == Octets:
        hint = bytes
    if get_origin(hint) in (Union, types.UnionType):
        inner = next(arg for arg in get_args(hint) if arg is not types.NoneType)
        return st.none() | _field(Annotated[inner, limit])
    most = max(limit.low, min(limit.high, MOST))
    if get_origin(hint) is tuple:
        return st.lists(_field(get_args(hint)[0]), min_size=limit.low, max_size=min(most, 4)).map(tuple)
    if is_dataclass(hint) and hint not in (NodeId, Address):
        return valid(hint)  # type: ignore[arg-type]
    return {
        bool: st.booleans(),
        int: st.integers(limit.low, limit.high),
        bytes: st.binary(min_size=limit.low, max_size=most),
        str: st.text(st.characters(codec="utf-8"), min_size=limit.low, max_size=most),
        NodeId: node_ids,
        Address: addresses,
    }[hint]


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Bytes that were valid before some were changed, cut off or added."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(data)))
        change = draw(st.sampled_from(["set", "cut", "add"]))
        if change == "add":
            data[place:place] = draw(st.binary(min_size=1, max_size=3))
        elif change == "cut":
            del data[place : place + draw(st.integers(1, 4))]
        elif place < len(data):
            data[place] = draw(st.integers(0, 255))
    return bytes(data)
