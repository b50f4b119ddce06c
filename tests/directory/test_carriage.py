from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.directory.carriage import MAX_FRAME_SIZE, FrameReader, frame
from idas_p2p.errors import WireError
from idas_p2p.limits import MAX_DATAGRAM_SIZE

ENDPOINTS = st.tuples(st.ip_addresses().map(str), st.integers(1, 65_535))
CARRIED = st.lists(st.tuples(ENDPOINTS, st.binary(max_size=MAX_DATAGRAM_SIZE)), max_size=5)


@given(CARRIED, st.integers(1, 400))
def test_what_goes_in_comes_out_however_the_stream_is_cut(
    carried: list[tuple[tuple[str, int], bytes]], cut: int
) -> None:
    stream, reader = b"".join(frame(*one) for one in carried), FrameReader()
    found = [one for start in range(0, len(stream), cut) for one in reader.feed(stream[start : start + cut])]
    assert found == carried


@given(st.binary(max_size=3_000))
def test_any_bytes_are_frames_or_raise_wire_error(data: bytes) -> None:
    reader = FrameReader()
    try:
        found = reader.feed(data)
    except WireError:
        return
    assert data.startswith(b"".join(frame(*one) for one in found))


@pytest.mark.parametrize("size", [0, MAX_FRAME_SIZE + 1])
def test_a_frame_of_an_impossible_size_ends_the_stream(size: int) -> None:
    with pytest.raises(WireError):
        FrameReader().feed(size.to_bytes(2, "big"))
