"""A NodeId has one text form, and its place in the Kademlia space follows from the key."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.wire.ids import NodeId, location_id
from tests.wire.strategies import node_ids


@given(node_ids)
def test_the_text_form_reads_back_in_any_case(node_id: NodeId) -> None:
    assert len(str(node_id)) == 52
    assert NodeId.parse(str(node_id)) == NodeId.parse(f" {str(node_id).upper()}\n") == node_id


@given(st.text(max_size=60) | st.text("abcdefghijklmnopqrstuvwxyz234567=", min_size=50, max_size=56))
def test_any_text_decodes_canonically_or_raises_wire_error(text: str) -> None:
    try:
        node_id = NodeId.parse(text)
    except WireError:
        return
    assert str(node_id) == text.strip().lower()


def test_a_text_with_stray_low_bits_is_not_canonical() -> None:
    text = str(NodeId(bytes(32)))
    with pytest.raises(WireError, match="canonical"):
        NodeId.parse(text[:-1] + "b")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_node_id_has_32_bytes(size: int) -> None:
    with pytest.raises(WireError, match="32 bytes"):
        NodeId(bytes(size))


def test_the_kademlia_id_is_blake2b_160_of_the_key() -> None:
    assert NodeId(b"k" * 32).kademlia_id == location_id(b"k" * 32)
    assert location_id(b"k" * 32) == hashlib.blake2b(b"k" * 32, digest_size=20).digest()


def test_the_short_form_is_the_beginning_of_the_text() -> None:
    node_id = NodeId(bytes(range(32)))
    assert str(node_id).startswith(node_id.short)
    assert len(node_id.short) == 10
