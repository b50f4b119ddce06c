"""How the samples of a piece of pixels lie.

Belongs here: the geometry, samples from bytes. Not here: what is done with them (differences.py, planes.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from idas_p2p.blob import Octets

Samples = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Grid:
    """Whole rows, one after another, of as many frames as there are."""

    columns: int
    sample_size: int  # bytes: 1, 2, 4 or 8
    samples: int = 1  # of a pixel: 1 or 3
    planar: bool = False  # of 3 samples: a frame's planes come one after another, PS3.3 C.7.6.3.1.3
    rows: int = 0  # of a frame
    big_endian: bool = False

    @property
    def row_size(self) -> int:
        """Bytes of a row; of one plane when planar."""
        return self.columns * self.sample_size * self.step

    @property
    def frame_size(self) -> int:
        """Bytes of a frame, all planes."""
        return self.rows * self.columns * self.samples * self.sample_size

    @property
    def step(self) -> int:
        """Samples from one to the next of its kind."""
        return 1 if self.planar else self.samples

    def read(self, piece: Octets) -> Samples:
        """The samples of a piece as unsigned little-endian numbers: rows, columns, `step`."""
        samples = np.frombuffer(piece, sample_type(self.sample_size, big_endian=self.big_endian))
        return samples.astype(sample_type(self.sample_size), copy=False).reshape(-1, self.columns, self.step)


def sample_type(size: int, *, big_endian: bool = False) -> np.dtype[Any]:
    """Unsigned numbers of 1, 2, 4 or 8 bytes."""
    return np.dtype(f"{'>' if big_endian else '<'}u{size}")
