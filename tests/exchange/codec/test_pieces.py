"""A piece comes back whatever ways are tried on it, and never takes more than it has."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.grid import Grid
from idas_p2p.exchange.codec.pieces import DENSE, LIGHT, Coding, Way, code_piece, decode_piece
from idas_p2p.limits import CHUNK_SIZE
from tests.exchange.codec.images import pieces, smooth


@given(pieces(), st.lists(st.sampled_from(Way), max_size=4))
def test_a_piece_comes_back_whatever_is_tried(drawn: tuple[bytes, Grid], ways: list[Way]) -> None:
    piece, grid = drawn
    coded = code_piece(piece, grid, ways)
    assert len(coded.data) <= len(piece)
    assert decode_piece(coded.coding, len(piece), coded.data) == piece


@given(st.binary(max_size=300))
def test_bytes_of_unknown_form_come_back(piece: bytes) -> None:
    coded = code_piece(piece, None, (*LIGHT, *DENSE))
    assert decode_piece(coded.coding, len(piece), coded.data) == piece


def test_the_densest_of_the_ways_is_taken() -> None:
    piece, grid = smooth(100, 80), Grid(columns=80, sample_size=2)
    assert code_piece(piece, grid, (*LIGHT, *DENSE)).way is Way.PLANE
    assert code_piece(piece, grid, LIGHT).coding is Coding.DIFFERENCES
    assert code_piece(bytes(16_000), grid, (*LIGHT, *DENSE)).coding is Coding.ZSTD


def test_noise_goes_as_it_is() -> None:
    piece = os.urandom(4_096)
    coded = code_piece(piece, Grid(columns=64, sample_size=1), (*LIGHT, *DENSE))
    assert (coded.coding, coded.data, coded.way) == (Coding.RAW, piece, None)


@pytest.mark.parametrize("coding", [Coding.ZSTD_SERIES, 6, 255])
def test_a_coding_that_is_not_known_here_is_refused(coding: int) -> None:
    with pytest.raises(WireError, match="unknown coding"):
        decode_piece(coding, 4, b"four")


def test_more_than_a_chunk_may_hold_is_refused() -> None:
    with pytest.raises(WireError, match="too large"):
        decode_piece(Coding.RAW, CHUNK_SIZE + 1, bytes(CHUNK_SIZE + 1))
