"""Where the native pixels of an instance lie, and how; read from its head, decoding nothing.

Belongs here: the geometry of pixels that are not compressed. Not here: decoding compressed ones (pixels.py).
Source: PS3.3 section C.7.6.3.1, PS3.5 section 8 and Annex A.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from idas_p2p.blob import Blob
from idas_p2p.dicom.walk import read_elements

NATIVE: Final = frozenset({str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian), str(ExplicitVRBigEndian)})
"""Transfer syntaxes with pixels as they are; a deflated data set is compressed as a whole."""

MAX_SERIES: Final = 64  # remembered; ours
_MARK_SIZE: Final = 12  # bytes before the pixels that tell where they begin: tag, VR and length

_KEYWORDS: Final = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "PlanarConfiguration")


@dataclass(frozen=True, slots=True, kw_only=True)
class NativePixels:
    """Where they lie and how; numbers are what the head says, 0 where it says nothing, and may be false."""

    offset: int  # bytes from the start of the data set
    length: int  # bytes
    rows: int
    columns: int
    samples: int  # of a pixel
    bits_allocated: int  # of a sample
    is_planar: bool
    is_big_endian: bool


def native_pixels(data: Blob, transfer_syntax_uid: str) -> NativePixels | None:
    """Find the pixels of an encoded data set; None when there are none, or they are encapsulated.

    Args:
        data: the data set.
        transfer_syntax_uid: one of NATIVE.

    Raises:
        MalformedInstance: not such a data set, or cut short.
    """
    elements = read_elements(data, transfer_syntax_uid, _KEYWORDS)
    if elements.pixel_data is None or elements.pixel_data.length is None:
        return None
    rows, columns, samples, bits, planar = (elements.number(keyword) or 0 for keyword in _KEYWORDS)
    return NativePixels(
        offset=elements.pixel_data.offset,
        length=elements.pixel_data.length,
        rows=rows,
        columns=columns,
        samples=samples,
        bits_allocated=bits,
        is_planar=planar == 1,
        is_big_endian=elements.is_big_endian,
    )


class SeriesPixels:
    """`native_pixels` for the instances of a transfer, most of them without a walk through their heads.

    Images of a series have pixels of one size at their end: where the same element header stands so far before the end,
    pixels follow. Were that ever wrong, they would be coded less densely, no more: coding takes any bytes.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[NativePixels, bytes]] = {}  # by series and transfer syntax

    def of(self, series_uid: str, data: Blob, transfer_syntax_uid: str) -> NativePixels | None:
        """As `native_pixels`, and so its errors."""
        key = series_uid, transfer_syntax_uid
        if (known := self._known.get(key)) is not None:
            pixels, mark = known
            offset = data.size - pixels.length
            if offset >= _MARK_SIZE and data.read(offset - _MARK_SIZE, _MARK_SIZE) == mark:
                return replace(pixels, offset=offset)
        found = native_pixels(data, transfer_syntax_uid)
        ends_with_them = found is not None and found.offset + found.length == data.size
        if found is not None and ends_with_them and found.offset >= _MARK_SIZE and len(self._known) < MAX_SERIES:
            self._known[key] = found, data.read(found.offset - _MARK_SIZE, _MARK_SIZE)
        return found
