"""One direction of a channel: order, integrity, end, fresh keys."""

from __future__ import annotations

import json
from pathlib import Path

import nacl.bindings as sodium
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.crypto.stream import HEADER_SIZE, OVERHEAD, Mark, Opener, Sealer
from idas_p2p.errors import BadSignature

KEY = bytes(range(32))
VECTORS = Path(__file__).parents[1] / "vectors" / "stream.json"


def ends(*, rekey_interval: int = 1 << 30) -> tuple[Sealer, Opener]:
    sealer = Sealer(KEY, rekey_interval=rekey_interval)
    return sealer, Opener(KEY, sealer.header)


@given(st.lists(st.binary(max_size=100), max_size=10))
def test_messages_come_out_as_they_went_in(messages: list[bytes]) -> None:
    sealer, opener = ends()
    sealed = [sealer.seal(message) for message in messages]
    assert [len(s) for s in sealed] == [len(m) + OVERHEAD for m in messages]
    assert [opener.open(s) for s in sealed] == messages


def test_the_end_is_told_from_an_empty_message() -> None:
    sealer, opener = ends()
    assert opener.open(sealer.seal(b"")) == b""
    assert opener.open(sealer.seal_mark(Mark.ALIVE)) is Mark.ALIVE
    assert opener.open(sealer.seal_mark(Mark.LEAVE)) is Mark.LEAVE
    assert opener.open(sealer.seal(b"more")) == b"more"
    assert opener.open(sealer.seal_mark(Mark.END)) is Mark.END


FINAL, PUSH = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL, 1


@pytest.mark.parametrize(("tag", "text"), [(FINAL, b"x"), (FINAL, b"\1"), (PUSH, b"\0"), (PUSH, b"\1\1")])
def test_a_mark_that_carries_something_else_is_refused(tag: int, text: bytes) -> None:
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    opener = Opener(KEY, sodium.crypto_secretstream_xchacha20poly1305_init_push(state, KEY))
    with pytest.raises(BadSignature):
        opener.open(sodium.crypto_secretstream_xchacha20poly1305_push(state, text, None, tag))


def test_a_repeated_message_is_refused() -> None:
    sealer, opener = ends()
    sealed = sealer.seal(b"once")
    opener.open(sealed)
    with pytest.raises(BadSignature):
        opener.open(sealed)


def test_a_dropped_message_is_noticed_at_the_next() -> None:
    sealer, opener = ends()
    sealer.seal(b"lost")
    with pytest.raises(BadSignature):
        opener.open(sealer.seal(b"next"))


@given(position=st.integers(0, 20 + OVERHEAD - 1), bit=st.integers(0, 7))
def test_a_changed_bit_is_refused(position: int, bit: int) -> None:
    sealer, opener = ends()
    sealed = bytearray(sealer.seal(bytes(20)))
    sealed[position] ^= 1 << bit
    with pytest.raises(BadSignature):
        opener.open(bytes(sealed))


@given(st.binary(max_size=64))
def test_any_bytes_are_refused_as_a_bad_signature(data: bytes) -> None:
    _, opener = ends()
    with pytest.raises(BadSignature):
        opener.open(data)


@given(st.binary(max_size=64).filter(lambda header: len(header) != HEADER_SIZE))
def test_a_header_of_another_size_is_refused(header: bytes) -> None:
    with pytest.raises(BadSignature):
        Opener(KEY, header)


def test_the_key_is_replaced_after_the_interval_and_the_other_side_follows() -> None:
    sealer, opener = ends(rekey_interval=100)
    for number in range(10):
        assert opener.open(sealer.seal(bytes([number]) * 30)) == bytes([number]) * 30
    assert sealer.rekeyed == 2


def test_the_vectors_say_what_they_are_said_to() -> None:
    for stream in json.loads(VECTORS.read_text("utf-8")):
        opener = Opener(bytes.fromhex(stream["key"]), bytes.fromhex(stream["header"]))
        for frame in stream["frames"]:
            sealed = bytes.fromhex(frame["sealed"])
            if frame["says"] == "bad_signature":
                with pytest.raises(BadSignature):
                    opener.open(sealed)
            elif frame["says"] == "message":
                assert opener.open(sealed) == bytes.fromhex(frame["text"])
            else:
                assert opener.open(sealed) is Mark(frame["says"])


def test_the_vectors_hold_every_mark() -> None:
    said = {frame["says"] for stream in json.loads(VECTORS.read_text("utf-8")) for frame in stream["frames"]}
    assert said == {"message", "bad_signature", *(mark.value for mark in Mark)}
