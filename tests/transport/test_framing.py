"""Frames out of a stream of bytes cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import FrameTooLarge
from idas_p2p.transport.framing import INITIAL_CAPACITY, READ_CAPACITY, FrameBuffer, frame_header


def framed(*bodies: bytes) -> bytes:
    return b"".join(frame_header(len(body)) + body for body in bodies)


def pour(buffer: FrameBuffer, data: bytes, *, at_most: int = 1 << 30) -> int:
    """Put in what there is room for, as a socket would; return how much that was."""
    space = buffer.space()
    count = min(len(space), len(data), at_most)
    space[:count] = data[:count]
    buffer.received(count)
    return count


def drain(buffer: FrameBuffer) -> list[bytes]:
    bodies = []
    while (body := buffer.take()) is not None:
        bodies.append(body)
    return bodies


@given(st.lists(st.binary(max_size=300), max_size=20), st.lists(st.integers(1, 700), min_size=1), st.booleans())
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(
    bodies: list[bytes], cuts: list[int], greedy: bool
) -> None:
    buffer, stream, out, turn = FrameBuffer(max_frame=300), framed(*bodies), [], 0
    while stream:
        if not buffer.is_full:
            stream = stream[pour(buffer, stream, at_most=cuts[turn % len(cuts)]) :]
            turn += 1
        if greedy or buffer.is_full:
            out += drain(buffer)
    assert out + drain(buffer) == bodies


def test_a_frame_of_the_largest_size_passes() -> None:
    buffer = FrameBuffer(max_frame=100_000)
    stream = framed(bytes(100_000))
    while stream:
        stream = stream[pour(buffer, stream) :]
    assert buffer.take() == bytes(100_000)


def test_a_larger_frame_is_refused_by_name_as_soon_as_it_is_announced() -> None:
    buffer = FrameBuffer(max_frame=100)
    pour(buffer, frame_header(101))
    assert buffer.has_frame
    with pytest.raises(FrameTooLarge):
        buffer.take()


def test_an_announcement_alone_costs_no_more_memory_than_the_largest_frame() -> None:
    buffer = FrameBuffer(max_frame=5_000)
    pour(buffer, frame_header(2**32 - 1))
    assert len(buffer.space()) <= 2 * 5_004


def test_a_connection_that_proved_nothing_costs_little_memory() -> None:
    buffer = FrameBuffer(max_frame=256)
    pour(buffer, framed(bytes(256)))
    assert len(buffer.space()) <= INITIAL_CAPACITY


def test_a_larger_bound_lets_frames_pass_that_waited_already() -> None:
    buffer = FrameBuffer(max_frame=10)
    pour(buffer, framed(bytes(20)))
    buffer.allow(20)
    assert buffer.take() == bytes(20)
    assert len(buffer.space()) == READ_CAPACITY


def test_reading_stops_while_frames_wait_and_goes_on_when_they_are_taken() -> None:
    buffer = FrameBuffer(max_frame=256)
    while not buffer.is_full:
        pour(buffer, framed(bytes(256)))
    assert len(buffer) <= INITIAL_CAPACITY
    drain(buffer)
    assert not buffer.is_full


@given(st.binary(max_size=2_000), st.integers(0, 300))
def test_any_bytes_decode_to_frames_or_are_refused_as_too_large(data: bytes, max_frame: int) -> None:
    buffer = FrameBuffer(max_frame=max_frame)
    pour(buffer, data)
    bodies: list[bytes] = []
    try:
        bodies += drain(buffer)
    except FrameTooLarge:
        return
    assert data.startswith(framed(*bodies))
