"""Segments of the audit log as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.wire.audit import MAX_RECORD_BYTES
from idas_p2p.wire.audit_file import frame, read_frames, read_start, segment_start
from tests.access.audit.logs import KEY, log


def test_a_segment_reads_back_record_by_record() -> None:
    (data,), states = log(KEY, sizes=(3,))
    head, offset = read_start(data)
    frames = list(read_frames(data, offset))
    assert (head.before, head.node) == (0, KEY.node_id)
    assert [one.chain for one in frames] == [state.chain for state in states[1:]]
    assert frames[-1].end == len(data)
    assert segment_start(head) + b"".join(frame(one.body, one.chain) for one in frames) == data


@pytest.mark.parametrize("missing", [1, 31, 33, 100])
def test_a_frame_that_is_not_whole_ends_the_segment_before_it(missing: int) -> None:
    (data,), _ = log(KEY, sizes=(3,))
    _, offset = read_start(data)
    whole = list(read_frames(data, offset))
    assert list(read_frames(data[:-missing], offset)) == whole[:2]


def test_a_frame_that_claims_too_much_or_nothing_ends_the_segment() -> None:
    for size in (0, MAX_RECORD_BYTES + 1):
        assert list(read_frames(size.to_bytes(4) + bytes(MAX_RECORD_BYTES + 64), 0)) == []


@given(st.binary(max_size=300))
def test_any_bytes_begin_a_segment_or_are_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        read_start(data)
    with pytest.raises(WireError):
        read_start(b"IDASAUD1" + data)
