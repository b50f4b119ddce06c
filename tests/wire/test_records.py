"""Records of the directory: their bytes, their place, their size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import FrameTooLarge, WireError
from idas_p2p.limits import MAX_RECORD_SIZE
from idas_p2p.wire.ids import location_id
from idas_p2p.wire.records import NodeInfo, Record
from idas_p2p.wire.schema import decode, encode
from tests.wire.strategies import damaged, valid

RECORD = Record(
    location=b"L" * 32,
    writer=b"W" * 32,
    sequence=5,
    expires=9,
    payload=b"payload",
    location_signature=b"l" * 64,
    writer_signature=b"w" * 64,
)


@given(valid(Record))
def test_a_record_survives_the_round_trip(record: Record) -> None:
    assert Record.from_bytes(record.to_bytes()) == record


@given(st.binary(max_size=MAX_RECORD_SIZE) | damaged(valid(Record).map(Record.to_bytes)))
def test_any_bytes_decode_canonically_or_raise_wire_error(data: bytes) -> None:
    try:
        record = Record.from_bytes(data)
    except WireError:
        return
    assert record.to_bytes() == data


def test_a_record_lies_at_the_hash_of_its_location_key() -> None:
    assert RECORD.key == location_id(b"L" * 32)


@pytest.mark.parametrize(
    ("field", "value"),
    [("location", b"X" * 32), ("writer", b"X" * 32), ("sequence", 6), ("expires", 10), ("payload", b"other")],
)
def test_the_signatures_cover_every_field_but_themselves(field: str, value: object) -> None:
    assert replace(RECORD, **{field: value}).signed_bytes() != RECORD.signed_bytes()


def test_the_signed_bytes_do_not_depend_on_the_signatures() -> None:
    assert replace(RECORD, location_signature=bytes(64)).signed_bytes() == RECORD.signed_bytes()


def test_a_record_over_the_size_can_be_neither_written_nor_read() -> None:
    big = replace(RECORD, payload=bytes(MAX_RECORD_SIZE))
    with pytest.raises(WireError, match="at most 1000 bytes"):
        big.to_bytes()
    with pytest.raises(FrameTooLarge):
        Record.from_bytes(encode(big))


@given(valid(NodeInfo))
def test_node_info_survives_the_round_trip(info: NodeInfo) -> None:
    assert decode(NodeInfo, encode(info), max_size=MAX_RECORD_SIZE * 2) == info


@given(st.binary(max_size=300) | damaged(valid(NodeInfo).map(encode)))
def test_any_bytes_decode_to_node_info_canonically_or_raise_wire_error(data: bytes) -> None:
    try:
        info = decode(NodeInfo, data, max_size=MAX_RECORD_SIZE)
    except WireError:
        return
    assert encode(info) == data
