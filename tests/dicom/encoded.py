"""Data sets built byte by byte, as no library would write them."""

from __future__ import annotations

import struct

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
LONG = ("OB", "OW", "SQ", "UN", "UT")


def element(tag: int, vr: str, value: bytes, *, length: int | None = None) -> bytes:
    """An element in explicit VR little endian."""
    size = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    return head + (struct.pack("<HL", 0, size) if vr in LONG else struct.pack("<H", size)) + value


def implicit(tag: int, value: bytes, *, length: int | None = None) -> bytes:
    """An element in implicit VR little endian; also an item or a delimiter in either."""
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def text(tag: int, vr: str, value: str) -> bytes:
    """An element of ASCII text, padded."""
    raw = value.encode()
    return element(tag, vr, raw + (b"\0" if vr == "UI" else b" ") * (len(raw) % 2))


def header(*, between: bytes = b"") -> bytes:
    """What every instance has, with something after (0008,xxxx)."""
    return (
        text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2")
        + text(0x00080018, "UI", "1.2.3.4.5")
        + text(0x00080020, "DA", "20231105")
        + text(0x00080060, "CS", "CT")
        + between
        + text(0x00100010, "PN", "Doe^Jane")
        + text(0x00100020, "LO", "P1")
        + text(0x0020000D, "UI", "1.2.3")
        + text(0x0020000E, "UI", "1.2.3.4")
    )


def nested(depth: int) -> bytes:
    """A sequence in a sequence in a sequence ... of undefined lengths."""
    start = element(0x00081115, "SQ", b"", length=UNDEFINED) + implicit(ITEM, b"", length=UNDEFINED)
    return start * depth + (implicit(ITEM_END, b"") + implicit(SEQUENCE_END, b"")) * depth
