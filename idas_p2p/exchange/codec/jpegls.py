"""JPEG-LS streams of one plane of samples: the only door to the CharLS binding.

Law: a stream reaches the library only when its header says exactly what is expected, since the library allocates what a
header asks for. Belongs here: headers, the two calls. Not here: which samples (samples.py). The binding keeps the GIL:
call it in a worker process (worker.py). Source: ITU-T T.87 annexes C and D; docs/spec/exchange.md section 5.10.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from _CharLS import _decode, _encode  # the binding's public functions only add checks that are made here

from idas_p2p.errors import WireError

MAX_SIDE: Final = 65_535  # rows or columns; T.87 C.2.2
MIN_BITS, MAX_BITS = 2, 16  # of a sample; T.87 C.2.2
_SOI: Final = b"\xff\xd8"
_EOI: Final = b"\xff\xd9"
_MARKER: Final = re.compile(rb"\xff[\x80-\xff]")  # in a scan the bit after eight ones is nought; T.87 A.1
_SOF55, _LSE, _SOS = 0xFFF7, 0xFFF8, 0xFFDA
_FRAME = struct.Struct(">BHHBBBB")  # bits, rows, columns, components; identifier, sampling, table of the only one
_SCAN: Final = b"\x01\x01\x00\x00\x00\x00"  # one component, the first, no table; NEAR 0, not interleaved, no transform
_PRESET = struct.Struct(">BHHHHH")  # identifier, MAXVAL, T1, T2, T3, RESET; T.87 C.2.4.1.1
_DEFAULTS: Final = (18, 67, 276, 64)  # T.87 C.2.4.1.1.1 for 12 bits and more: the library states them above 12


def encode(samples: bytes, *, rows: int, columns: int, bits: int) -> bytes | None:
    """Encode a plane losslessly; None when the library cannot, as with noise that grows.

    Args:
        samples: rows x columns, one byte each up to 8 bits, two little-endian bytes above.
        rows: 1 to MAX_SIDE.
        columns: 1 to MAX_SIDE.
        bits: of a sample, MIN_BITS to MAX_BITS; none is larger.
    """
    try:
        return bytes(_encode(samples, 0, 0, rows, columns, 1, bits))
    except RuntimeError:
        return None


def decode(stream: bytes, *, rows: int, columns: int, wide: bool) -> bytes:
    """Decode a stream, which may be hostile.

    Args:
        stream: from SOI to EOI.
        rows: it must have.
        columns: it must have.
        wide: whether its samples must take two bytes each: 9 to 16 bits.

    Raises:
        WireError: another kind of stream, another size, or a broken one.
    """
    _check(stream, rows, columns, wide)
    try:
        return bytes(_decode(stream))
    except RuntimeError:
        raise WireError("a JPEG-LS stream is broken") from None


def _check(stream: bytes, rows: int, columns: int, wide: bool) -> None:
    """Refuse all but SOI, SOF55, preset parameters that are the default ones, one lossless scan of one plane, and EOI.

    A stream cut inside its scan has kept the library busy for 15 seconds; one that ends with the only marker has not.
    """
    offset, bits = 2, 0
    if stream[:2] != _SOI:
        raise WireError("not a JPEG-LS stream")
    while True:
        if len(stream) < offset + 4:
            raise WireError("a JPEG-LS header is cut short")
        marker_code, length = struct.unpack_from(">HH", stream, offset)
        body = stream[offset + 4 : offset + 2 + length]
        if marker_code == _SOF55 and not bits and len(body) == _FRAME.size:
            bits, has_rows, has_columns, components, identifier, sampling, table = _FRAME.unpack(body)
            if (has_rows, has_columns, components, identifier, sampling, table) != (rows, columns, 1, 1, 0x11, 0):
                raise WireError("a JPEG-LS stream has another size or kind than its chunk")
            if not (8 < bits <= MAX_BITS if wide else MIN_BITS <= bits <= 8):
                raise WireError("a JPEG-LS stream has another depth than its chunk")
        elif marker_code == _LSE and bits > 12 and body == _PRESET.pack(1, (1 << bits) - 1, *_DEFAULTS):
            pass
        elif marker_code == _SOS and bits and body == _SCAN:
            end = _MARKER.search(stream, offset + 2 + length)
            if end is None or stream[end.start() :] != _EOI:
                raise WireError("a JPEG-LS stream does not end with its scan")
            return
        else:
            raise WireError("a JPEG-LS stream has a marker that none of ours has")
        offset += 2 + length
