"""Differences in byte planes: exact for samples of any kind, and no chunk takes more than it states."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.differences import Predictor, code_differences, decode_differences, unzstd, zstd
from idas_p2p.exchange.codec.grid import Grid
from tests.exchange.codec.images import pieces, smooth


@given(pieces(), st.sampled_from(Predictor))
def test_samples_of_any_kind_come_back(drawn: tuple[bytes, Grid], predictor: Predictor) -> None:
    piece, grid = drawn
    assert decode_differences(len(piece), code_differences(piece, grid, predictor)) == piece


@pytest.mark.parametrize("rows", [1, 2, 15, 16, 17, 31, 32, 33, 50])
@pytest.mark.parametrize("predictor", [Predictor.UP, Predictor.BOTH])
def test_any_number_of_long_rows_comes_back(rows: int, predictor: Predictor) -> None:
    piece = np.random.default_rng(rows).integers(0, 1 << 16, (rows, 301)).astype("<u2").tobytes()
    assert decode_differences(len(piece), code_differences(piece, Grid(columns=301, sample_size=2), predictor)) == piece


@pytest.mark.parametrize("columns", [80, 300], ids=["short rows", "long rows"])
def test_folded_differences_of_an_image_take_less_than_zstd_alone(columns: int) -> None:
    piece = smooth(200, columns)
    coded = code_differences(piece, Grid(columns=columns, sample_size=2), Predictor.BOTH)
    assert len(coded) < 0.7 * len(zstd(piece, 3))
    assert decode_differences(len(piece), coded) == piece


def test_the_layout_is_the_one_of_the_specification() -> None:
    piece = np.array([[5, 4], [7, 7]], "<u2").tobytes()
    coded = code_differences(piece, Grid(columns=2, sample_size=2), Predictor.BOTH)
    assert coded[:7] == struct.pack(">BBBL", 3, 2, 1, 2)
    assert unzstd(8, coded[7:]) == bytes([10, 1, 4, 2]) + bytes(4)  # 5, -1, 2, 1 folded; low bytes, high bytes


HEAD: dict[str, Any] = {"predictor": 3, "kind": 2, "step": 1, "width": 4}


def chunk(data: bytes, **changes: int) -> bytes:
    head = {**HEAD, **changes}
    return struct.pack(">BBBL", head["predictor"], head["kind"], head["step"], head["width"]) + zstd(data, 1)


@pytest.mark.parametrize(
    ("size", "data"),
    [
        pytest.param(16, b"", id="nothing"),
        pytest.param(16, chunk(bytes(16))[:6], id="cut in its head"),
        pytest.param(16, chunk(bytes(16), predictor=4), id="another predictor"),
        pytest.param(15, chunk(bytes(15), kind=3), id="samples of three bytes"),
        pytest.param(16, chunk(bytes(16), kind=0), id="samples of no bytes"),
        pytest.param(16, chunk(bytes(16), step=2), id="two samples a pixel"),
        pytest.param(16, chunk(bytes(16), step=3), id="a row of no whole pixels"),
        pytest.param(16, chunk(bytes(16), width=0), id="rows of nothing"),
        pytest.param(12, chunk(bytes(12)), id="no whole rows"),
        pytest.param(0, chunk(b""), id="no rows"),
        pytest.param(16, chunk(bytes(24)), id="more than stated"),
        pytest.param(16, chunk(bytes(1 << 26)), id="a bomb"),
        pytest.param(16, chunk(bytes(16)) + b"more", id="something behind"),
        pytest.param(16, chunk(bytes(16), width=0xFFFFFFFC), id="rows larger than all there is"),
    ],
)
def test_what_is_no_such_chunk_is_refused(size: int, data: bytes) -> None:
    with pytest.raises(WireError):
        decode_differences(size, data)


@given(st.binary(min_size=7, max_size=60), st.integers(0, 100))
def test_any_bytes_decode_to_the_size_asked_for_or_are_refused(data: bytes, size: int) -> None:
    for body in (data, data[:7] + zstd(bytes(size), 1)):
        with contextlib.suppress(WireError):
            assert len(decode_differences(size, body)) == size
