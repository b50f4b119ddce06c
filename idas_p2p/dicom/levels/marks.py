"""What a de-identified object says of itself: that it is one, by which profile, and what became of its dates.

Belongs here: these elements. Not here: where they go (engine.py). Source: PS3.15 section E.1.1, PS3.16 CID 7050, PS3.3
sections C.7.1.1 and C.12.1.
"""

from __future__ import annotations

import struct
from typing import Final

from idas_p2p.dicom.levels.subject import Head
from idas_p2p.dicom.recode import vr_of
from idas_p2p.dicom.walk import LONG_VRS
from idas_p2p.wire.level import Level, Option

METHOD: Final = "PS3.15 Basic Profile and options, by the holding node"
_REMOVED, _METHOD, _METHOD_CODES = 0x00120062, 0x00120063, 0x00120064
_BURNED_IN, _DATES_MODIFIED = 0x00280301, 0x00280303
_LOSSY, _RATIO, _LOSSY_METHOD = 0x00282110, 0x00282112, 0x00282114
_LOSSY_METHODS: Final = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
}
"""Defined terms of PS3.3 section C.7.6.1.1.5.2 by transfer syntax; what may be either counts as lossy."""
_BASIC: Final = ("113100", "Basic Application Confidentiality Profile")
CODES: Final = {
    Option.CLEAN_PIXEL_DATA: ("113101", "Clean Pixel Data Option"),
    Option.CLEAN_RECOGNIZABLE: ("113102", "Clean Recognizable Visual Features Option"),
    Option.CLEAN_GRAPHICS: ("113103", "Clean Graphics Option"),
    Option.CLEAN_STRUCTURED_CONTENT: ("113104", "Clean Structured Content Option"),
    Option.CLEAN_DESCRIPTORS: ("113105", "Clean Descriptors Option"),
    Option.RETAIN_FULL_DATES: ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    Option.RETAIN_MODIFIED_DATES: ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    Option.RETAIN_PATIENT_CHARACTERISTICS: ("113108", "Retain Patient Characteristics Option"),
    Option.RETAIN_DEVICE_IDENTITY: ("113109", "Retain Device Identity Option"),
    Option.RETAIN_UIDS: ("113110", "Retain UIDs Option"),
    Option.RETAIN_SAFE_PRIVATE: ("113111", "Retain Safe Private Option"),
    Option.RETAIN_INSTITUTION_IDENTITY: ("113112", "Retain Institution Identity Option"),
}
"""PS3.16 CID 7050, code values and meanings."""


def marks(level: Level, head: Head, *, was_cleaned: bool) -> list[tuple[int, bytes]]:
    """Encoded elements by tag, in the order of tags.

    Args:
        level: that is applied.
        head: how the instance is encoded.
        was_cleaned: its pixels were blanked by a template.
    """
    write = _Writer(implicit=head.encoding.implicit, big_endian=head.encoding.big_endian)
    chosen = level.options - {Option.CLEAN_PIXEL_DATA} | ({Option.CLEAN_PIXEL_DATA} if was_cleaned else set())
    codes = [_BASIC, *(CODES[option] for option in CODES if option in chosen)]
    found = [
        (_REMOVED, write.text(_REMOVED, "YES")),
        (_METHOD, write.text(_METHOD, METHOD)),
        (_METHOD_CODES, write.codes(_METHOD_CODES, codes)),
    ]
    if was_cleaned:
        found.append((_BURNED_IN, write.text(_BURNED_IN, "NO")))
    return [*found, (_DATES_MODIFIED, write.text(_DATES_MODIFIED, _dates(level)))]


def lossy(head: Head, transfer_syntax_uid: str, ratio: float) -> list[tuple[int, bytes]]:
    """What an image that was decoded says of the coding it had; nothing when that was lossless.

    Args:
        head: of the object before.
        transfer_syntax_uid: it had.
        ratio: of the sizes of its pixels, decoded and coded.
    """
    method = _LOSSY_METHODS.get(transfer_syntax_uid)
    if method is None:
        return []
    write = _Writer(implicit=False, big_endian=False)
    said = ((_RATIO, f"{ratio:.2f}"), (_LOSSY_METHOD, method))
    return [(_LOSSY, write.text(_LOSSY, "01"))] + [
        (tag, write.text(tag, value)) for tag, value in said if not head.text(tag)
    ]


def _dates(level: Level) -> str:
    if Option.RETAIN_FULL_DATES in level.options:
        return "UNMODIFIED"
    return "MODIFIED" if Option.RETAIN_MODIFIED_DATES in level.options else "REMOVED"


class _Writer:
    """Writes elements in one encoding."""

    def __init__(self, *, implicit: bool, big_endian: bool) -> None:
        self._implicit, self._order = implicit, ">" if big_endian else "<"

    def text(self, tag: int, value: str) -> bytes:
        """An element of ASCII text."""
        raw = value.encode("ascii")
        return self._element(tag, raw + b" " * (len(raw) % 2))

    def codes(self, tag: int, codes: list[tuple[str, str]]) -> bytes:
        """A sequence of coded entries, PS3.3 Table 8.8-1."""
        return self._element(tag, b"".join(self._item(value, meaning) for value, meaning in codes))

    def _item(self, value: str, meaning: str) -> bytes:
        body = self.text(0x00080100, value) + self.text(0x00080102, "DCM") + self.text(0x00080104, meaning)
        return struct.pack(self._order + "HHL", 0xFFFE, 0xE000, len(body)) + body

    def _element(self, tag: int, value: bytes) -> bytes:
        group, number, vr = tag >> 16, tag & 0xFFFF, vr_of(tag, signed=False)
        if self._implicit:
            return struct.pack(self._order + "HHL", group, number, len(value)) + value
        if vr in LONG_VRS:
            return struct.pack(self._order + "HH2sHL", group, number, vr, 0, len(value)) + value
        return struct.pack(self._order + "HH2sH", group, number, vr, len(value)) + value
