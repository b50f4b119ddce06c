"""Text burned into pixels: which images may pass, and boxes that are blanked in those a template knows.

Law: an image passes when it says that nothing is burned in, is of a kind that has nothing, was blanked by a template,
or the level lets it pass; all others are refused. Belongs here: that decision, and blanking. Not here: attributes
(deeds.py).
Source: PS3.15 sections E.1.2 and E.3.1, PS3.3 section C.7.6.1 (Burned In Annotation, Image Type).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from idas_p2p.errors import AccessDenied
from idas_p2p.wire.level import BurnedIn, Level, Option, Region

Box = tuple[int, int, int, int]
Text = Callable[[int], str]
"""Gives the text of a top-level attribute by its tag; empty when absent."""

_BURNED_IN, _RECOGNIZABLE, _MODALITY, _IMAGE_TYPE, _SOP_CLASS = (
    0x00280301,
    0x00280302,
    0x00080060,
    0x00080008,
    0x00080016,
)
_MANUFACTURER, _MODEL = 0x00080070, 0x00081090
_SHOWS_TEXT: Final = (
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture, all kinds
    "1.2.840.10008.5.1.4.1.1.3.",  # Ultrasound Multi-frame
    "1.2.840.10008.5.1.4.1.1.6.",  # Ultrasound
    "1.2.840.10008.5.1.4.1.1.77.1.",  # Visible Light: photographs, endoscopy
    "1.2.840.10008.5.1.4.1.1.104.",  # encapsulated PDF, CDA, STL and the like
    "1.2.840.10008.5.1.4.1.1.5",  # Nuclear Medicine and ultrasound of old, retired
)
"""Beginnings of SOP Class UIDs of kinds that often have text burned in, or are text."""
_TEXT_MODALITIES: Final = frozenset(["US", "IVUS", "SC", "OT", "DOC", "XC", "ES"])
_TEXT_TYPES: Final = frozenset({"SCREEN SAVE", "SCREENSAVE", "SECONDARY_CAPTURE", "REPORT", "DOSE_INFO", "PROTOCOL"})

_ELSEWHERE: Final = "the image's pixels lie in a way in which burned-in text cannot be blanked"


@dataclass(frozen=True, slots=True)
class Frame:
    """How native pixels lie."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    is_planar: bool
    frames: int = 1
    photometric: str = ""
    is_swapped: bool = False  # of eight bits, in words of big endian order


def boxes_to_blank(level: Level, text: Text, *, rows: int, columns: int, has_hidden_overlay: bool) -> tuple[Box, ...]:
    """What of an image must be blanked before it may pass.

    Args:
        level: of a de-identified kind.
        text: of the image's attributes.
        rows: of the image; 0 when it is none.
        columns: of the image.
        has_hidden_overlay: overlay planes lie in unused bits of the pixels.

    Raises:
        AccessDenied: it may not pass; the detail says why.
    """
    if Option.CLEAN_RECOGNIZABLE in level.options and text(_RECOGNIZABLE) == "YES":
        raise AccessDenied("a face could be recognised in the image")
    region = next((one for one in level.regions if _fits(one, text, rows, columns)), None)
    if has_hidden_overlay and level.burned_in is not BurnedIn.ALLOW:
        raise AccessDenied("an overlay lies hidden in the pixels")
    if region is not None and rows:
        return region.boxes
    says = text(_BURNED_IN)
    if says == "YES" and level.burned_in is not BurnedIn.ALLOW:
        raise AccessDenied("text is burned into the image, and no template of the level cleans it")
    if says != "NO" and level.burned_in is BurnedIn.REFUSE and _may_show_text(text):
        raise AccessDenied("text may be burned into the image, and no template of the level knows its kind")
    return ()


def blank(data: bytes, frame: Frame, boxes: tuple[Box, ...]) -> bytes:
    """Native pixels with boxes of every frame set to zero, and so what follows the last frame.

    Raises:
        AccessDenied: they do not lie as it says, so that nobody knows where the boxes are.
    """
    pixels = np.frombuffer(data, np.uint8).copy()
    if frame.bits_allocated == 1 and frame.samples == 1:  # packed, the first in the lowest bit: PS3.5 section 8.1.1
        bits = np.unpackbits(pixels, bitorder="little")
        _blank(bits, replace(frame, bits_allocated=8), boxes)
        return np.packbits(bits, bitorder="little").tobytes()
    if frame.is_swapped:  # two pixels of eight bits in a word of big endian order
        if len(pixels) % 2:
            raise AccessDenied(_ELSEWHERE)
        pixels = pixels.view(np.uint16).byteswap().view(np.uint8)
    _blank(pixels, frame, boxes)
    return (pixels.view(np.uint16).byteswap() if frame.is_swapped else pixels).tobytes()


def _blank(pixels: np.ndarray[Any, np.dtype[np.uint8]], frame: Frame, boxes: tuple[Box, ...]) -> None:
    """Blank bytes in their order."""
    width, size = 1, frame.samples * frame.bits_allocated // 8  # pixels that lie together, and their bytes
    if frame.photometric == "YBR_FULL_422":  # two share their colour: PS3.3 section C.7.6.3.1.2
        width, size = 2, 4
    whole = frame.frames * frame.rows * frame.columns // width * size
    is_odd = frame.bits_allocated % 8 or frame.columns % width or frame.photometric.endswith("_420")
    if is_odd or not whole or len(pixels) < whole or (width == 2 and frame.bits_allocated != 8):
        raise AccessDenied(_ELSEWHERE)
    if frame.is_planar and width == 1:
        shape = (frame.frames, frame.samples, frame.rows, frame.columns, frame.bits_allocated // 8)
    else:
        shape = (frame.frames, 1, frame.rows, frame.columns // width, size)
    planes = pixels[:whole].reshape(shape)
    for x, y, across, down in boxes:
        planes[:, :, y : y + down, x // width : -(-(x + across) // width)] = 0
    pixels[whole:] = 0


def _fits(region: Region, text: Text, rows: int, columns: int) -> bool:
    wanted = ((region.modality, _MODALITY), (region.manufacturer, _MANUFACTURER), (region.model, _MODEL))
    if any(want and text(tag).casefold() != want.casefold() for want, tag in wanted):
        return False
    return region.rows in (0, rows) and region.columns in (0, columns)


def _may_show_text(text: Text) -> bool:
    types = set(text(_IMAGE_TYPE).upper().split("\\"))
    return text(_SOP_CLASS).startswith(_SHOWS_TEXT) or text(_MODALITY) in _TEXT_MODALITIES or bool(types & _TEXT_TYPES)
