"""One piece of a data set, coded in the given ways and back.

Law: what is returned is smaller than the piece and gives it back; else the piece goes as it is. JPEG-LS is decoded
again and compared before that is believed. What is decoded is hostile until the instance's digest was checked.
Belongs here: from a coding to its functions. Not here: dictionaries, cuts (coding.py), which ways to try (choice.py),
where it runs (workshop.py). Pure. Source: docs/spec/exchange.md section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from idas_p2p.blob import Octets
from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.differences import Predictor, code_differences, decode_differences, unzstd, zstd
from idas_p2p.exchange.codec.grid import Grid
from idas_p2p.exchange.codec.planes import code_colours, code_plane, decode_colours, decode_plane
from idas_p2p.limits import CHUNK_SIZE


class Coding(IntEnum):
    """How a chunk's bytes are coded; protocol."""

    RAW = 0
    ZSTD = 1
    ZSTD_SERIES = 2  # zstd with the series' first head as dictionary
    DIFFERENCES = 3  # in byte planes, zstd
    JPEG_LS = 4  # one plane
    JPEG_LS_COLOURS = 5  # three planes


class Way(IntEnum):
    """A coding with its variant: what an encoder can try. Ours."""

    ZSTD = 0
    PLAIN = 1  # the next four: what differences are taken to
    LEFT = 2
    UP = 3
    BOTH = 4
    ZSTD_DENSE = 5
    PLANE = 6
    COLOURS = 7
    COLOUR_DIFFERENCES = 8


LIGHT: Final = (Way.ZSTD, Way.PLAIN, Way.LEFT, Way.UP, Way.BOTH)
DENSE: Final = (Way.ZSTD_DENSE, Way.PLANE, Way.COLOURS, Way.COLOUR_DIFFERENCES)
JPEG_LS_WAYS: Final = frozenset({Way.PLANE, Way.COLOURS, Way.COLOUR_DIFFERENCES})
JPEG_LS_CODINGS: Final = frozenset({Coding.JPEG_LS, Coding.JPEG_LS_COLOURS})
_LEVELS: Final = {Way.ZSTD: 1, Way.ZSTD_DENSE: 9}  # of zstd; ours
_PREDICTORS: Final = {
    Way.PLAIN: Predictor.NONE,
    Way.LEFT: Predictor.LEFT,
    Way.UP: Predictor.UP,
    Way.BOTH: Predictor.BOTH,
}


@dataclass(frozen=True, slots=True)
class Coded:
    """A coded piece, and by which way; RAW has none."""

    coding: Coding
    data: Octets
    way: Way | None = None


def code_piece(piece: Octets, grid: Grid | None, ways: Iterable[Way]) -> Coded:
    """Code a piece in the best of some ways.

    Args:
        piece: up to CHUNK_SIZE bytes.
        grid: how its samples lie; None when unknown, or when these are not whole rows.
        ways: to try.
    """
    best = Coded(Coding.RAW, piece)
    for way in ways:
        coded = _code(piece, grid, way)
        if coded is not None and len(coded.data) < len(best.data):
            best = coded
    return best


def decode_piece(coding: int, size: int, data: Octets) -> Octets:
    """The bytes of a chunk that needs no dictionary.

    Raises:
        WireError: unknown coding, malformed, or not of `size` bytes.
    """
    if size > CHUNK_SIZE:
        raise WireError("a chunk is too large")
    if (decode := _DECODERS.get(coding)) is None:
        raise WireError("unknown coding of a chunk")
    piece = decode(size, data)
    if len(piece) != size:
        raise WireError("a chunk does not have its announced size")
    return piece


def _code(piece: Octets, grid: Grid | None, way: Way) -> Coded | None:
    """Code in one way; None when it is not made for such a piece."""
    if (level := _LEVELS.get(way)) is not None:
        return Coded(Coding.ZSTD, zstd(piece, level), way)
    if grid is None:
        return None
    if (predictor := _PREDICTORS.get(way)) is not None:
        return Coded(Coding.DIFFERENCES, code_differences(piece, grid, predictor), way)
    if way is Way.PLANE:
        coding, data = Coding.JPEG_LS, code_plane(piece, grid)
    else:
        coding = Coding.JPEG_LS_COLOURS
        data = code_colours(piece, grid, differences=way is Way.COLOUR_DIFFERENCES)
    return Coded(coding, data, way) if data is not None and _is_exact(piece, coding, data) else None


def _is_exact(piece: Octets, coding: Coding, data: Octets) -> bool:
    """Whether a foreign library's work can be undone; sums and zstd are exact by construction."""
    try:
        return decode_piece(coding, len(piece), data) == piece
    except WireError:
        return False


def _raw(_size: int, data: Octets) -> Octets:
    return data


_DECODERS: Final[dict[int, Callable[[int, Octets], Octets]]] = {
    Coding.RAW: _raw,
    Coding.ZSTD: unzstd,
    Coding.DIFFERENCES: decode_differences,
    Coding.JPEG_LS: decode_plane,
    Coding.JPEG_LS_COLOURS: decode_colours,
}
