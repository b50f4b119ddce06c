"""Coding 3: differences to what was before, folded, all low bytes first, through zstd; light work, any size of samples.

Folding (0, -1, 1, -2, ... become 0, 1, 2, 3, ...) keeps the sign out of the high bytes: they are nearly all zero.

Belongs here: the bytes of this coding, and what zstd frames must look like. Pure; lets other threads run.
Source: docs/spec/exchange.md section 5.3.
"""

from __future__ import annotations

import itertools
import struct
from enum import IntEnum
from typing import Final

import numpy as np
import zstandard

from idas_p2p.blob import Octets
from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.grid import Grid, Samples, sample_type

_HEAD: Final = struct.Struct(">BBBL")  # predictor; bytes of a sample; samples to the one before; samples in a row
_BIG_ENDIAN: Final = 0x80  # bit beside the bytes of a sample
_FAST: Final = {"window_log": 20, "hash_log": 6, "chain_log": 6, "search_log": 1, "min_match": 7}
_PLANES: Final = zstandard.ZstdCompressionParameters(strategy=zstandard.STRATEGY_FAST, **_FAST)
"""Ours: noise repeats nothing; level 1 looks for it twice as long and finds no more."""
_WIDE: Final = np.dtype("<u4")  # ours: numpy's running sums of narrower numbers take three times as long
_LONG_ROW: Final = 256  # samples; ours: from here on adding row by row is faster than numpy's own sum of columns
_ROWS: Final = 16  # ours: rows of a group; the first of all groups are added at once, for each call costs, too


class Predictor(IntEnum):
    """What a sample is thought to be; two bits."""

    NONE = 0
    LEFT = 1
    UP = 2
    BOTH = 3  # left + up - up and left


def code_differences(piece: Octets, grid: Grid, predictor: Predictor) -> bytes:
    """Code whole rows.

    Args:
        piece: whole rows of `grid`.
        grid: how they lie.
        predictor: what to take differences to.
    """
    kind = grid.sample_size | (_BIG_ENDIAN if grid.big_endian else 0)
    planes = _planes(_folded(_differences(grid.read(piece), predictor)))
    head = _HEAD.pack(predictor, kind, grid.step, grid.columns * grid.step)
    return head + zstandard.ZstdCompressor(compression_params=_PLANES).compress(planes.data)


def decode_differences(size: int, data: Octets) -> bytes:
    """Reverse `code_differences`.

    Raises:
        WireError: not such a chunk, or not of `size` bytes.
    """
    if len(data) < _HEAD.size:
        raise WireError("a chunk of differences is cut short")
    predictor, kind, step, width = _HEAD.unpack_from(data)
    sample_size, big_endian = kind & ~_BIG_ENDIAN, bool(kind & _BIG_ENDIAN)
    if predictor > Predictor.BOTH or sample_size not in (1, 2, 4, 8) or step not in (1, 3) or not width or width % step:
        raise WireError("a chunk of differences has no such form")
    if not size or size % (width * sample_size):
        raise WireError("a chunk of differences does not have whole rows")
    planes = np.frombuffer(unzstd(size, data[_HEAD.size :]), np.uint8).reshape(sample_size, -1)
    rows = _sums(_unfolded(_joined(planes)).reshape(-1, width // step, step), predictor)
    return rows.astype(sample_type(sample_size, big_endian=big_endian), copy=False).tobytes()


def _differences(rows: Samples, predictor: Predictor) -> Samples:
    if predictor & Predictor.LEFT:
        rows = _steps(rows, axis=1)
    return _steps(rows, axis=0) if predictor & Predictor.UP else rows


def _steps(rows: Samples, *, axis: int) -> Samples:
    """What each is more than the one before; the first as it is."""
    steps = np.empty_like(rows)
    those, here = rows.swapaxes(0, axis), steps.swapaxes(0, axis)
    here[0] = those[0]
    np.subtract(those[1:], those[:-1], out=here[1:])
    return steps


def _sums(rows: Samples, predictor: int) -> Samples:
    """Reverse `_differences`; may change `rows`."""
    if predictor & Predictor.UP and rows[0].size >= _LONG_ROW:
        _add_rows(rows)
    elif predictor & Predictor.UP:
        rows = np.add.accumulate(rows, axis=0, dtype=rows.dtype)
    if not predictor & Predictor.LEFT:
        return rows
    sums = rows.astype(max(rows.dtype, _WIDE, key=lambda kind: kind.itemsize))
    return np.add.accumulate(sums, axis=1, out=sums).astype(rows.dtype, copy=False)


def _add_rows(rows: Samples) -> None:
    """Add to each row all those above it, in groups of _ROWS: within all groups, then the last of each to the next."""
    whole = len(rows) - len(rows) % _ROWS
    groups = rows[:whole].reshape(-1, _ROWS, *rows.shape[1:])
    for number in range(1, _ROWS):
        groups[:, number] += groups[:, number - 1]
    for above, group in itertools.pairwise(groups):
        group += above[-1]
    for number in range(max(whole, 1), len(rows)):
        rows[number] += rows[number - 1]


def _planes(numbers: Samples) -> Samples:
    """All low bytes, then all next ones, and so on; one plane a row."""
    planes = np.empty((numbers.itemsize, numbers.size), np.uint8)
    for place, plane in enumerate(planes):
        np.right_shift(numbers.reshape(-1), numbers.dtype.type(8 * place), out=plane, casting="unsafe")
    return planes


def _joined(planes: Samples) -> Samples:
    """Reverse `_planes`."""
    numbers: Samples = planes[-1].astype(sample_type(len(planes)))
    for plane in planes[-2::-1]:
        numbers <<= numbers.dtype.type(8)
        numbers |= plane
    return numbers


def _folded(differences: Samples) -> Samples:
    """Numbers modulo 2^n, read as signed, by their distance from 0: even when positive, odd when negative."""
    signed = np.ascontiguousarray(differences).view(f"<i{differences.itemsize}")
    folded: Samples = ((signed << 1) ^ (signed >> (8 * differences.itemsize - 1))).view(differences.dtype)
    return folded


def _unfolded(folded: Samples) -> Samples:
    one = folded.dtype.type(1)
    numbers: Samples = (folded >> one) ^ -(folded & one)
    return numbers


def zstd(piece: Octets, level: int) -> bytes:
    """One zstd frame that states its content's size."""
    return zstandard.ZstdCompressor(level=level, write_checksum=False).compress(piece)


def unzstd(size: int, data: Octets, dictionary: zstandard.ZstdCompressionDict | None = None) -> bytes:
    """Decompress one zstd frame.

    Raises:
        WireError: it does not state `size` as that of its content, holds another number of bytes, or something follows.
    """
    try:
        if zstandard.frame_content_size(data) != size:
            raise WireError("a chunk does not have its announced size")
        decompressor = zstandard.ZstdDecompressor(dict_data=dictionary)
        return decompressor.decompress(data, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError:
        raise WireError("a chunk cannot be decompressed") from None
