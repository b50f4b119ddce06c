"""JPEG-LS of planes and colours: exact whatever the bits hold, of the depth that is there, refused when malformed."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.grid import Grid
from idas_p2p.exchange.codec.planes import code_colours, code_plane, decode_colours, decode_plane
from tests.exchange.codec.images import pieces, smooth


@given(pieces(sample_sizes=(1, 2)))
def test_planes_of_any_kind_come_back_or_are_declined(drawn: tuple[bytes, Grid]) -> None:
    piece, grid = drawn
    coded = code_plane(piece, grid)
    assert coded is None or decode_plane(len(piece), coded) == piece


@given(pieces(sample_sizes=(1,)), st.booleans())
def test_colours_of_any_kind_come_back_or_are_declined(drawn: tuple[bytes, Grid], differences: bool) -> None:
    piece, grid = drawn
    coded = code_colours(piece, grid, differences=differences)
    assert coded is None or decode_colours(len(piece), coded) == piece


@pytest.mark.parametrize(
    ("least", "dtype"), [(0, "<u2"), (1_000, "<u2"), (-1_024, "<i2"), (-2_000, ">i2"), (-3, "i1"), (200, "u1")]
)
def test_the_depth_is_what_lies_between_least_and_greatest(least: int, dtype: str) -> None:
    piece = (np.arange(35) % 16 + least).astype(dtype).tobytes()
    coded = code_plane(piece, Grid(columns=7, sample_size=np.dtype(dtype).itemsize, big_endian=dtype[0] == ">"))
    assert coded is not None
    assert coded[5 + 2 + 4] == 4  # bits of a sample, in SOF55
    assert decode_plane(len(piece), coded) == piece


@pytest.mark.parametrize("planar", [False, True])
def test_differences_of_colours_take_less(planar: bool) -> None:
    grey = np.frombuffer(smooth(60, 50, dtype="u1"), "u1").reshape(60, 50)
    planes = np.stack([grey + 3, grey, grey + 9]).astype("u1")
    piece = (planes if planar else planes.transpose(1, 2, 0)).tobytes()
    grid = Grid(columns=50, sample_size=1, samples=3, planar=planar, rows=60)
    plain, coded = (code_colours(piece, grid, differences=how) for how in (False, True))
    assert plain is not None
    assert coded is not None
    assert len(coded) < 0.5 * len(plain)
    assert decode_colours(len(piece), coded) == piece


def test_planes_of_several_frames_are_coded_together() -> None:
    piece = smooth(3 * 2 * 8, 9, dtype="u1")
    grid = Grid(columns=9, sample_size=1, samples=3, planar=True, rows=8)
    coded = code_colours(piece, grid, differences=True)
    assert coded is not None
    assert decode_colours(len(piece), coded) == piece


def test_other_samples_are_left_to_other_codings() -> None:
    assert code_plane(bytes(64), Grid(columns=4, sample_size=4)) is None
    assert code_plane(bytes(48), Grid(columns=4, sample_size=1, samples=3, rows=4)) is None
    assert code_colours(bytes(64), Grid(columns=4, sample_size=1), differences=True) is None
    assert code_colours(bytes(96), Grid(columns=4, sample_size=2, samples=3, rows=4), differences=True) is None
    assert code_plane(bytes(70_000), Grid(columns=1, sample_size=1)) is None


PLANE = code_plane(smooth(6, 5), Grid(columns=5, sample_size=2)) or b""
STREAM = PLANE[5:]
COLOURS = code_colours(smooth(12, 5, dtype="u1"), Grid(5, 1, 3, True, 2), differences=True) or b""


@pytest.mark.parametrize(
    ("size", "data"),
    [
        pytest.param(60, b"", id="nothing"),
        pytest.param(60, PLANE[:4], id="cut in its head"),
        pytest.param(60, struct.pack(">BHH", 9, 5, 0) + STREAM, id="unknown kind"),
        pytest.param(60, struct.pack(">BHH", 2, 5, 0) + STREAM, id="two bytes of one"),
        pytest.param(30, struct.pack(">BHH", 0, 5, 256) + STREAM, id="a least sample larger than a byte"),
        pytest.param(60, struct.pack(">BHH", 1, 0, 0) + STREAM, id="no columns"),
        pytest.param(61, PLANE, id="no whole rows"),
        pytest.param(0, PLANE, id="no rows"),
        pytest.param(70, PLANE, id="one row more than the stream has"),
        pytest.param(60, struct.pack(">BHH", 1, 6, 0) + STREAM, id="other columns than the stream has"),
        pytest.param(60, PLANE[:5], id="no stream"),
    ],
)
def test_what_is_no_plane_is_refused(size: int, data: bytes) -> None:
    with pytest.raises(WireError):
        decode_plane(size, data)


@pytest.mark.parametrize(
    ("size", "data"),
    [
        pytest.param(60, COLOURS[:4], id="cut in its head"),
        pytest.param(60, b"\x04" + COLOURS[1:], id="unknown kind"),
        pytest.param(60, struct.pack(">BHH", 2, 5, 2) + COLOURS[5:], id="two frames of pixels"),
        pytest.param(60, struct.pack(">BHH", 3, 5, 0) + COLOURS[5:], id="frames of nothing"),
        pytest.param(59, COLOURS, id="no whole frames"),
        pytest.param(90, COLOURS, id="one frame more than the stream has"),
    ],
)
def test_what_is_no_colour_is_refused(size: int, data: bytes) -> None:
    with pytest.raises(WireError):
        decode_colours(size, data)


@given(st.binary(max_size=80), st.integers(0, 200))
def test_any_bytes_decode_to_the_size_asked_for_or_are_refused(data: bytes, size: int) -> None:
    for decode in (decode_plane, decode_colours):
        with contextlib.suppress(WireError):
            assert len(decode(size, data)) == size
