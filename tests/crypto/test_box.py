"""Sealed messages open with their key and context, unchanged, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.crypto.box import OVERHEAD, open_own, open_sealed, seal, seal_to
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadSignature
from idas_p2p.wire.ids import NodeId

KEY = bytes(range(32))
ANNA, BERG = SigningKey(b"a" * 32), SigningKey(b"b" * 32)


@given(st.binary(max_size=300), st.binary(max_size=20), st.sampled_from([1, 2, 64, 256]))
def test_a_sealed_message_opens_to_itself(message: bytes, context: bytes, pad_to: int) -> None:
    sealed = seal(KEY, message, context=context, pad_to=pad_to)
    assert open_sealed(KEY, sealed, context=context, padded=pad_to > 1) == message


def test_padded_messages_of_different_length_have_one_size() -> None:
    sizes = {len(seal(KEY, bytes(size), pad_to=64)) for size in (0, 1, 40, 63)}
    assert sizes == {64 + OVERHEAD}
    assert len(seal(KEY, bytes(64), pad_to=64)) == 128 + OVERHEAD


def test_sealing_twice_gives_different_bytes() -> None:
    assert seal(KEY, b"message") != seal(KEY, b"message")


@pytest.mark.parametrize(
    ("key", "context", "change"),
    [(bytes(32), b"c", 0), (KEY, b"d", 0), (KEY, b"", 0), (KEY, b"c", 1)],
    ids=["another key", "another context", "no context", "a changed byte"],
)
def test_what_does_not_belong_together_does_not_open(key: bytes, context: bytes, change: int) -> None:
    sealed = bytearray(seal(KEY, b"message", context=b"c"))
    sealed[30] ^= change
    with pytest.raises(BadSignature):
        open_sealed(key, bytes(sealed), context=context)


@given(st.binary(max_size=100))
def test_any_bytes_do_not_open(sealed: bytes) -> None:
    with pytest.raises(BadSignature):
        open_sealed(KEY, sealed)
    with pytest.raises(BadSignature):
        open_own(ANNA, sealed)


@pytest.mark.parametrize("message", [b"", b"no mark", b"\x80x", bytes(64)])
def test_wrong_padding_is_refused(message: bytes) -> None:
    with pytest.raises(BadSignature, match="padding"):
        open_sealed(KEY, seal(KEY, message), padded=True)


def test_a_message_sealed_to_a_node_opens_there_and_nowhere_else() -> None:
    sealed = seal_to(ANNA.node_id, b"secrets")
    assert open_own(ANNA, sealed) == b"secrets"
    with pytest.raises(BadSignature):
        open_own(BERG, sealed)


def test_nothing_is_sealed_to_a_name_that_is_no_key() -> None:
    with pytest.raises(BadSignature):
        seal_to(NodeId(b"\x02" + bytes(31)), b"secrets")
