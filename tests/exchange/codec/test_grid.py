"""Where samples lie."""

from __future__ import annotations

import numpy as np

from idas_p2p.exchange.codec.grid import Grid, sample_type


def test_rows_of_pixels_and_rows_of_planes_have_their_own_sizes() -> None:
    pixels, planes = Grid(columns=5, sample_size=2, samples=3, rows=4), Grid(5, 2, 3, True, 4)
    assert (pixels.row_size, pixels.frame_size, pixels.step) == (30, 120, 3)
    assert (planes.row_size, planes.frame_size, planes.step) == (10, 120, 1)


def test_big_endian_samples_are_read_as_the_same_numbers() -> None:
    numbers = np.arange(6, dtype=">u4")
    read = Grid(columns=3, sample_size=4, big_endian=True).read(numbers.tobytes())
    assert read.dtype == sample_type(4)
    assert read[:, :, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
