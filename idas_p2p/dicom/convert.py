"""The same instance in another transfer syntax, without losing a bit of any pixel or any text.

Belongs here: which conversions are lossless, and doing them in order. Not here: negotiation (deliver.py), bytes
(recode.py, pixels.py). Source: PS3.5 section 10 and Annex A.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.pixels import LOSSLESS, DecodedPixels, decode_pixels
from idas_p2p.dicom.recode import recode
from idas_p2p.dicom.walk import read_elements
from idas_p2p.errors import CannotConvert, MalformedInstance
from idas_p2p.wire.instance import Instance

MAX_SIZE: Final = 1_073_741_824  # bytes of a data set that is converted in memory; ours
TARGETS: Final = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian), str(DeflatedExplicitVRLittleEndian))
_NATIVE: Final = frozenset({*TARGETS, str(ExplicitVRBigEndian)})
_OFFSETS: Final = (0x7FE00001, 0x7FE00002)  # Extended Offset Table and its lengths, PS3.5 section A.4
_PHOTOMETRIC, _PLANAR, _BITS_ALLOCATED, _PIXELS = 0x00280004, 0x00280006, 0x00280100, 0x7FE00010


def convert(instance: Instance, accepted: Sequence[str]) -> Instance:
    """Return the instance in one of the accepted transfer syntaxes, losslessly. Takes time and memory: for threads.

    Args:
        instance: any instance.
        accepted: transfer syntax UIDs; the instance's own is taken first, then the first of TARGETS.

    Raises:
        CannotConvert: none of them can be reached without loss, no decoder is installed, or it is too large.
        MalformedInstance: the data set cannot be read.
    """
    source = instance.transfer_syntax_uid
    if source in accepted:
        return instance
    target = next((uid for uid in TARGETS if uid in accepted), None)
    if target is None:
        raise CannotConvert("it accepts no uncompressed transfer syntax for these images")
    if source not in _NATIVE and source not in LOSSLESS:
        raise CannotConvert("lossy, or in no coding known here: accept it as it is stored")
    if instance.data.size > MAX_SIZE:
        raise CannotConvert("the image is too large to be converted")
    data = _converted(instance.data.read(), source, target)
    return replace(instance, transfer_syntax_uid=target, data=MemoryBlob(data))


def _converted(data: bytes, source: str, target: str) -> bytes:
    """Inflate, decode, recode, deflate: as many of these as are needed."""
    replacements: dict[int, tuple[bytes, bytes] | None] = {}
    if source == DeflatedExplicitVRLittleEndian:
        data = inflated(data)
    elif source in LOSSLESS:
        replacements = _replacements(decode_pixels(data, source))
    implicit, to_implicit = source == ImplicitVRLittleEndian, target == ImplicitVRLittleEndian
    big_endian = source == ExplicitVRBigEndian
    if big_endian:
        _check_words(data, source)
    if replacements or big_endian or implicit != to_implicit:
        data = recode(
            data, implicit=implicit, big_endian=big_endian, to_implicit=to_implicit, replacements=replacements
        )
    return deflated(data) if target == DeflatedExplicitVRLittleEndian else data


def _check_words(data: bytes, source: str) -> None:
    """Refuse pixels of more than 16 bits in big endian: writers disagree on the order of the two words."""
    bits = read_elements(MemoryBlob(data), source, ["BitsAllocated"]).values.get(_BITS_ALLOCATED, b"")
    if int.from_bytes(bits[:2], "big") > 16:
        raise CannotConvert("pixels of more than 16 bits in big endian order can be read in two ways")


def uncompressed(data: bytes, source: str) -> bytes:
    """A data set with encapsulated pixels, in explicit VR little endian with these decoded, lossily coded ones too.

    YBR_FULL becomes RGB: uncompressed, many kinds of objects may not have it. Whoever asks for that says in the object
    that it was lossy once, PS3.3 section C.7.6.1.1.5.

    Raises:
        CannotConvert: no decoder is installed, or the pixels would be too large.
        MalformedInstance: the data set cannot be read, or its pixels not be decoded.
    """
    return recode(
        data, implicit=False, to_implicit=False, replacements=_replacements(decode_pixels(data, source, to_rgb=True))
    )


def _replacements(pixels: DecodedPixels) -> dict[int, tuple[bytes, bytes] | None]:
    """The elements that decoding changes, PS3.5 section 8.2."""
    photometric = pixels.photometric_interpretation.encode("ascii", "replace")
    return {
        _PHOTOMETRIC: (b"CS", photometric + b" " * (len(photometric) % 2)),
        _PLANAR: (b"US", pixels.planar_configuration.to_bytes(2, "little")),
        _PIXELS: (b"OW", pixels.data),  # also of 8-bit pixels, PS3.5 section 8.1.2
        **dict.fromkeys(_OFFSETS),  # of frames among fragments
    }


def inflated(data: bytes) -> bytes:
    """A data set as it was before it was deflated, PS3.5 section A.5.

    Raises:
        MalformedInstance: it is none.
        CannotConvert: it is too large.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = inflater.decompress(data, MAX_SIZE)
    except zlib.error:
        raise MalformedInstance("not a deflated data set") from None
    if inflater.unconsumed_tail:
        raise CannotConvert("the image is too large to be converted")
    return plain


def deflated(data: bytes) -> bytes:
    """A data set deflated, padded to even length."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = deflater.compress(data) + deflater.flush()
    return packed + b"\0" * (len(packed) % 2)  # PS3.5 section A.5
