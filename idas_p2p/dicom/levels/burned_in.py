"""Text burned into pixels: which images may pass, and boxes that are blanked in those a template knows.

Law: an image passes when it says that nothing is burned in, is of a kind that has nothing, was blanked by a template,
or the level lets it pass; all others are refused. Belongs here: that decision, and blanking. Not here: attributes
(deeds.py).
Source: PS3.15 sections E.1.2 and E.3.1, PS3.3 section C.7.6.1 (Burned In Annotation, Image Type).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from idas_p2p.dicom.layout import NATIVE
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


@dataclass(frozen=True, slots=True)
class Frame:
    """How native pixels lie."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    is_planar: bool


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


def blank(data: bytes, frame: Frame, boxes: tuple[Box, ...], transfer_syntax_uid: str) -> bytes:
    """Native pixels with boxes of every frame set to zero.

    Raises:
        AccessDenied: they are not native, or not of a size that can be blanked.
    """
    size = frame.rows * frame.columns * frame.samples * frame.bits_allocated // 8
    if transfer_syntax_uid not in NATIVE or frame.bits_allocated % 8 or not size or len(data) < size:
        raise AccessDenied("the image is compressed, so that its burned-in text cannot be blanked")
    count = len(data) // size
    shape = (
        (count, frame.samples, frame.rows, frame.columns, frame.bits_allocated // 8)
        if frame.is_planar
        else (count, 1, frame.rows, frame.columns, frame.samples * frame.bits_allocated // 8)
    )
    pixels = np.frombuffer(data, np.uint8).copy()
    planes = pixels[: count * size].reshape(shape)
    for x, y, width, height in boxes:
        planes[:, :, y : y + height, x : x + width] = 0
    return pixels.tobytes()


def _fits(region: Region, text: Text, rows: int, columns: int) -> bool:
    wanted = ((region.modality, _MODALITY), (region.manufacturer, _MANUFACTURER), (region.model, _MODEL))
    if any(want and text(tag).casefold() != want.casefold() for want, tag in wanted):
        return False
    return region.rows in (0, rows) and region.columns in (0, columns)


def _may_show_text(text: Text) -> bool:
    types = set(text(_IMAGE_TYPE).upper().split("\\"))
    return text(_SOP_CLASS).startswith(_SHOWS_TEXT) or text(_MODALITY) in _TEXT_MODALITIES or bool(types & _TEXT_TYPES)
