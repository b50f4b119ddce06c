import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.inflate import MAX_INFLATED_SIZE, PIECE, InflatedHead
from idas_p2p.errors import MalformedInstance


def deflated(data: bytes) -> MemoryBlob:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return MemoryBlob(packer.compress(data) + packer.flush())


@given(st.binary(max_size=5_000), st.integers(0, 6_000), st.integers(0, 100))
def test_inflated_bytes_are_found_by_offset(data: bytes, offset: int, length: int) -> None:
    head = InflatedHead(deflated(data))
    assert head.at(offset, length) == data[offset : offset + length]
    assert head.reaches(len(data))
    assert not head.reaches(len(data) + 1)


def test_no_more_is_inflated_than_was_asked_for() -> None:
    head = InflatedHead(deflated(bytes(10_000_000)))
    head.at(0, 100)
    assert len(head._bytes) <= PIECE


def test_a_bomb_is_refused_at_the_bound() -> None:
    head = InflatedHead(deflated(bytes(2 * MAX_INFLATED_SIZE)))
    with pytest.raises(MalformedInstance):
        head.reaches(MAX_INFLATED_SIZE + 1)


@given(st.binary(max_size=200))
def test_any_bytes_inflate_or_are_malformed(data: bytes) -> None:
    try:
        InflatedHead(MemoryBlob(data)).at(0, 1_000)
    except MalformedInstance:
        return
