"""A chunk has the bytes of any record of fields, and what differs from them is not read here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.wire.canonical import pack, unpack
from idas_p2p.wire.chunks import chunk_message, read_chunk
from idas_p2p.wire.fetching import AS_IT_IS, PREFIX_SIZE, Chunk
from idas_p2p.wire.messages import decode_message
from tests.wire.strategies import damaged

KIND = b"\x23"
DIGEST = bytes(range(PREFIX_SIZE))

numbers = st.one_of(st.sampled_from([0, 127, 128, 255, 256, 65_535, 65_536, MAX_MESSAGE_SIZE]), st.integers(0, 2**32))
contents = st.one_of(st.binary(max_size=300), st.sampled_from([0, 255, 256, 65_535, 65_536, 70_000]).map(bytes))
digests = st.binary(min_size=PREFIX_SIZE, max_size=PREFIX_SIZE)


@given(
    st.integers(0, 255),
    st.integers(0, MAX_MESSAGE_SIZE) | numbers.filter(lambda n: n <= MAX_MESSAGE_SIZE),
    contents,
    digests,
)
def test_a_chunk_is_the_canonical_list_of_its_fields(coding: int, size: int, data: bytes, digest: bytes) -> None:
    chunk = Chunk(coding=coding, size=size, data=data, digest=digest)
    message = chunk_message(KIND, chunk)
    assert message == KIND + pack([coding, size, data, digest])
    assert read_chunk(message) in (chunk, None)
    assert read_chunk(message) == (chunk if coding < 128 else None)
    assert decode_message(message) == chunk


def test_data_as_they_are_are_shown_in_their_place_and_coded_ones_are_bytes() -> None:
    raw = read_chunk(chunk_message(KIND, Chunk(coding=AS_IT_IS, size=4, data=b"four", digest=DIGEST)))
    coded = read_chunk(chunk_message(KIND, Chunk(coding=3, size=4, data=memoryview(b"four"), digest=DIGEST)))
    assert raw is not None
    assert coded is not None
    assert isinstance(raw.data, memoryview)
    assert raw.data.readonly
    assert coded.data == b"four"
    assert isinstance(coded.data, bytes)


@given(
    damaged(
        st.builds(
            chunk_message,
            st.just(KIND),
            st.builds(Chunk, coding=st.integers(0, 255), size=numbers, data=contents, digest=digests),
        )
    )
)
def test_any_bytes_are_read_as_the_general_decoder_reads_them_or_left_to_it(message: bytes) -> None:
    if message[:1] != KIND or (chunk := read_chunk(message)) is None:
        return
    assert unpack(message[1:], max_size=MAX_MESSAGE_SIZE) == [chunk.coding, chunk.size, bytes(chunk.data), chunk.digest]
    assert chunk.size <= MAX_MESSAGE_SIZE


@pytest.mark.parametrize(
    "body",
    [
        b"\x94\xcc\x05\x04\xc4\x04four\xc4\x10" + DIGEST,
        b"\x94\x05\xcc\x04\xc4\x04four\xc4\x10" + DIGEST,
        b"\x94\x05\xcd\x00\xff\xc4\x04four\xc4\x10" + DIGEST,
        b"\x94\x05\x04\xc5\x00\x04four\xc4\x10" + DIGEST,
        b"\x94\x05\x04\xc6\x00\x00\x00\x04four\xc4\x10" + DIGEST,
        b"\x94\x05\x04\xc4\x04four\xc5\x00\x10" + DIGEST,
        b"\x94\x05\x04\xa4four\xc4\x10" + DIGEST,
        b"\x94\x05\xff\xc4\x04four\xc4\x10" + DIGEST,
        b"\x94\x05\x04\xc4\x04four\xc4\x10" + DIGEST + b"\0",
        b"\x94\x05\xce\xff\xff\xff\xff\xc4\x04four\xc4\x10" + DIGEST,
    ],
    ids=[
        "coding",
        "size",
        "size in two",
        "length",
        "length in four",
        "digest",
        "text",
        "below zero",
        "more",
        "too large",
    ],
)
def test_another_encoding_of_a_chunk_is_refused(body: bytes) -> None:
    assert read_chunk(KIND + body) is None
    with pytest.raises(WireError):
        decode_message(KIND + body)
