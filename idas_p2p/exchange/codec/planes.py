"""Codings 4 and 5: JPEG-LS of one plane with its true depth, and of three colours as planes one below the other.

All rows of a piece make one image, of however many frames they are: small frames so share what the coder learns.
Law: the depth is taken from the samples, whatever the header says. Pure, but keeps the GIL.
Source: docs/spec/exchange.md sections 5.8 and 5.9.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from idas_p2p.blob import Octets
from idas_p2p.errors import WireError
from idas_p2p.exchange.codec import jpegls
from idas_p2p.exchange.codec.grid import Grid, Samples, sample_type

_PLANE: Final = struct.Struct(">BHH")  # kind, columns, least sample
_TWO_BYTES, _WIDE, _BIG_ENDIAN = 1, 2, 4  # of a sample in the piece; in the stream; bits of the kind
_COLOURS: Final = struct.Struct(">BHH")  # kind, columns, rows of a frame
_PLANAR, _DIFFERENCES = 1, 2  # bits of the kind


def code_plane(piece: Octets, grid: Grid) -> bytes | None:
    """Code whole rows of one sample a pixel; None when JPEG-LS has no such image."""
    if grid.sample_size > 2 or grid.step != 1:
        return None
    samples = grid.read(piece)[:, :, 0]
    least, span = _range(samples)
    bits = max(jpegls.MIN_BITS, span.bit_length())
    if least:
        samples = samples - samples.dtype.type(least)
    stream = _stream(samples.astype("<u2" if bits > 8 else "u1", copy=False), bits)
    kind = (
        (_TWO_BYTES if grid.sample_size == 2 else 0)
        | (_WIDE if bits > 8 else 0)
        | (_BIG_ENDIAN if grid.big_endian else 0)
    )
    return None if stream is None else _PLANE.pack(kind, grid.columns, least) + stream


def decode_plane(size: int, data: Octets) -> bytes:
    """Reverse `code_plane`.

    Raises:
        WireError: not such a chunk, or not of `size` bytes.
    """
    if len(data) < _PLANE.size:
        raise WireError("a chunk of JPEG-LS is cut short")
    kind, columns, least = _PLANE.unpack_from(data)
    sample_size, wide = (2 if kind & _TWO_BYTES else 1), bool(kind & _WIDE)
    if kind > (_TWO_BYTES | _WIDE | _BIG_ENDIAN) or (wide and sample_size == 1) or least >> 8 * sample_size:
        raise WireError("a chunk of JPEG-LS has no such form")
    rows = _whole(size, columns * sample_size)
    stream = bytes(data[_PLANE.size :])
    decoded = np.frombuffer(jpegls.decode(stream, rows=rows, columns=columns, wide=wide), "<u2" if wide else "u1")
    samples = decoded.astype(sample_type(sample_size), copy=False)
    if least:
        samples = samples + samples.dtype.type(least)
    return samples.astype(sample_type(sample_size, big_endian=bool(kind & _BIG_ENDIAN)), copy=False).tobytes()


def code_colours(piece: Octets, grid: Grid, *, differences: bool) -> bytes | None:
    """Code pixels of three 8-bit samples: as G, R - G, B - G with `differences`; None when they are no such pixels."""
    if grid.samples != 3 or grid.sample_size != 1 or (grid.planar and len(piece) % grid.frame_size):
        return None
    rows = grid.rows if grid.planar else len(piece) // grid.row_size
    if rows > jpegls.MAX_SIDE:
        return None
    pixels = np.frombuffer(piece, np.uint8)
    planes = pixels.reshape(-1, 3, rows * grid.columns) if grid.planar else pixels.reshape(1, -1, 3).transpose(0, 2, 1)
    first, second, third = planes[:, 0], planes[:, 1], planes[:, 2]
    if differences:
        first, second, third = second, first - second, third - second
    stream = _stream(np.stack([first, second, third]).reshape(-1, grid.columns), 8)
    kind = (_PLANAR if grid.planar else 0) | (_DIFFERENCES if differences else 0)
    return None if stream is None else _COLOURS.pack(kind, grid.columns, rows) + stream


def decode_colours(size: int, data: Octets) -> bytes:
    """Reverse `code_colours`.

    Raises:
        WireError: not such a chunk, or not of `size` bytes.
    """
    if len(data) < _COLOURS.size:
        raise WireError("a chunk of JPEG-LS is cut short")
    kind, columns, rows = _COLOURS.unpack_from(data)
    if kind > (_PLANAR | _DIFFERENCES):
        raise WireError("a chunk of JPEG-LS has no such form")
    frames = _whole(size, columns * rows * 3)
    if frames > 1 and not kind & _PLANAR:
        raise WireError("a chunk of JPEG-LS has no such form")
    stream = bytes(data[_COLOURS.size :])
    decoded = jpegls.decode(stream, rows=frames * rows * 3, columns=columns, wide=False)
    first, second, third = np.frombuffer(decoded, np.uint8).reshape(3, frames, -1)
    if kind & _DIFFERENCES:
        first, second, third = second + first, first, third + first
    return np.stack([first, second, third], axis=1 if kind & _PLANAR else 2).tobytes()


def _range(samples: Samples) -> tuple[int, int]:
    """The least sample and how far the greatest is, read as signed or as unsigned, whichever is nearer."""
    least = int(samples.min())
    span = int(samples.max()) - least
    signed = samples.view(f"<i{samples.itemsize}")
    signed_least = int(signed.min())
    signed_span = int(signed.max()) - signed_least
    return (least, span) if span <= signed_span else (signed_least % (1 << 8 * samples.itemsize), signed_span)


def _stream(image: Samples, bits: int) -> bytes | None:
    rows, columns = image.shape
    if not 0 < rows <= jpegls.MAX_SIDE or not 0 < columns <= jpegls.MAX_SIDE:
        return None
    return jpegls.encode(np.ascontiguousarray(image).tobytes(), rows=rows, columns=columns, bits=bits)


def _whole(size: int, row_size: int) -> int:
    if not size or not row_size or size % row_size:
        raise WireError("a chunk of JPEG-LS does not have whole rows")
    return size // row_size
