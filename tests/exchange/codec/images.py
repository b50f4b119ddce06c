"""Images for the codings: made ones, drawn ones, and those in the packages that ship real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from idas_p2p.exchange.codec.grid import Grid


def smooth(rows: int, columns: int, *, dtype: str = "<u2", seed: int = 1) -> bytes:
    """Something round with a little noise, as scanners make it."""
    y, x = np.mgrid[0:rows, 0:columns]
    noise = np.random.default_rng(seed).normal(0, 2, (rows, columns))
    return (90 + 60 * np.sin(x / 9) * np.cos(y / 7) + noise).clip(0, 255).astype(dtype).tobytes()


@st.composite
def pieces(draw: Any, *, sample_sizes: tuple[int, ...] = (1, 2, 4, 8)) -> tuple[bytes, Grid]:
    """Whole rows of samples of any kind: noise, ramps, flat, around zero, with bits above those stored."""
    grid = Grid(
        columns=draw(st.integers(1, 40)),
        sample_size=draw(st.sampled_from(sample_sizes)),
        samples=draw(st.sampled_from([1, 3])),
        planar=draw(st.booleans()),
        rows=draw(st.integers(1, 12)),
        big_endian=draw(st.booleans()),
    )
    shape = (draw(st.integers(1, 3)) * grid.rows, grid.columns * grid.samples)
    rng, top = np.random.default_rng(draw(st.integers(0, 1 << 32))), 256**grid.sample_size - 1
    kind = draw(st.sampled_from(["noise", "flat", "around zero", "overlay", "ends", "ramp"]))
    high = np.uint64(8 * grid.sample_size - 1)

    def drawn(stop: int) -> Any:
        return rng.integers(0, stop, shape, dtype=np.uint64, endpoint=True)

    values = {
        "noise": lambda: drawn(top),
        "flat": lambda: np.full(shape, rng.integers(0, top, dtype=np.uint64, endpoint=True)),
        "around zero": lambda: rng.integers(-40, 40, shape).astype(np.uint64),
        "overlay": lambda: drawn(1) << high | drawn(15),
        "ends": lambda: drawn(1) * np.uint64(top),
        "ramp": lambda: np.cumsum(rng.integers(-2, 3, shape), axis=1).astype(np.uint64),
    }[kind]()
    order = ">" if grid.big_endian else "<"
    return values.astype(f"{order}u{grid.sample_size}").tobytes(), grid
