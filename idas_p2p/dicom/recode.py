"""An encoded data set in another encoding of the same elements: VRs written or left out, bytes swapped.

Works on raw elements, never on values, so text in any character set and numbers in any spelling stay as they are.
Sequences and items get undefined lengths, group lengths (retired) are left out, and what no dictionary knows becomes
UN; PS3.5 section 6.2.2 says so. Law: no recursion; linear in the size of the data set.

Belongs here: implicit and explicit VR, byte order. Not here: which encoding is wanted (convert.py), pixels (pixels.py).
Source: PS3.5 sections 7.1, 7.3, 7.5 and Annex A.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from pydicom.datadict import dictionary_VR

from idas_p2p.dicom.walk import LONG_VRS, SHORT_VRS
from idas_p2p.errors import MalformedInstance

_UNDEFINED: Final = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXEL_REPRESENTATION: Final = 0x00280103
_MAX_SHORT_LENGTH: Final = 65_534  # bytes; PS3.5 section 7.1.2
_WORD_SIZES: Final = {
    **dict.fromkeys((b"AT", b"OW", b"SS", b"US"), 2),
    **dict.fromkeys((b"FL", b"OF", b"OL", b"SL", b"UL"), 4),
    **dict.fromkeys((b"FD", b"OD", b"OV", b"SV", b"UV"), 8),
}  # bytes that belong together; PS3.5 section 7.3

Chunk = bytes | memoryview


@dataclass(slots=True)
class _Level:
    """One open sequence or item."""

    is_item: bool
    end: int  # offset where it ends; _UNDEFINED when a delimiter ends it
    was_implicit: bool  # how what surrounds it is read
    was_written_implicit: bool  # and written


def recode(
    data: bytes,
    *,
    implicit: bool,
    big_endian: bool = False,
    to_implicit: bool,
    replacements: Mapping[int, tuple[bytes, bytes] | None] | None = None,
) -> bytes:
    """Return the data set in implicit or explicit VR little endian.

    Args:
        data: a whole data set.
        implicit: it has no VRs.
        big_endian: it is in big endian byte order.
        to_implicit: the result has no VRs.
        replacements: new VR and value of top-level elements by tag, in little endian, None to leave one out; absent
            elements stay absent.

    Raises:
        MalformedInstance: not such a data set, or cut short.
    """
    recoder = _Recoder(data, implicit=implicit, big_endian=big_endian, to_implicit=to_implicit)
    recoder.replacements = dict(replacements or {})
    recoder.run()
    return b"".join(recoder.output)


class _Recoder:
    """One pass over a data set."""

    def __init__(self, data: bytes, *, implicit: bool, big_endian: bool, to_implicit: bool) -> None:
        self._data = memoryview(data)
        self._offset = 0
        self._swap = big_endian
        order = ">" if big_endian else "<"
        self._tag, self._short, self._long = (struct.Struct(order + code) for code in ("HH", "H", "L"))
        self._implicit = implicit
        self._write_implicit = to_implicit
        self._signed = False  # Pixel Representation: whether "US or SS" means SS
        self._levels: list[_Level] = []
        self.replacements: dict[int, tuple[bytes, bytes] | None] = {}
        self.output: list[Chunk] = []

    def run(self) -> None:
        """Recode everything."""
        while True:
            while self._levels and self._levels[-1].end == self._offset:
                self._close()
            if self._offset >= len(self._data) and not self._levels:
                return
            try:
                tag, vr, length = self._read_header()
            except struct.error:
                raise MalformedInstance("the data set ends inside an element") from None
            if tag in (_ITEM, _ITEM_END, _SEQUENCE_END):
                self._delimiter(tag, length)
            elif self._levels and not self._levels[-1].is_item:
                raise MalformedInstance("a sequence holds something that is no item")
            else:
                self._element(tag, vr, length)

    def _read_header(self) -> tuple[int, bytes, int]:
        """Tag, VR (guessed when the source has none) and length; moves to the value."""
        group, number = self._tag.unpack_from(self._data, self._offset)
        tag = group << 16 | number
        vr = b"" if self._implicit or group == 0xFFFE else bytes(self._data[self._offset + 4 : self._offset + 6])
        if vr in SHORT_VRS:
            (length,) = self._short.unpack_from(self._data, self._offset + 6)
            self._offset += 8
        elif vr in LONG_VRS or (vr.isalpha() and vr.isupper()):
            (length,) = self._long.unpack_from(self._data, self._offset + 8)
            self._offset += 12
        else:
            (length,) = self._long.unpack_from(self._data, self._offset + 4)
            self._offset += 8
            vr = vr_of(tag, signed=self._signed) if group != 0xFFFE else b""
        return tag, vr, length

    def _delimiter(self, tag: int, length: int) -> None:
        level = self._levels[-1] if self._levels else None
        if tag == _ITEM and level and not level.is_item:
            self._open(b"\xfe\xff\x00\xe0" + b"\xff" * 4, length, is_item=True)
        elif level and level.end == _UNDEFINED and tag == (_ITEM_END if level.is_item else _SEQUENCE_END):
            self._close()
        else:
            raise MalformedInstance("an item or delimiter stands where none may be")

    def _element(self, tag: int, vr: bytes, length: int) -> None:
        if not self._levels and tag in self.replacements:
            self._skip_value(length)
            if (new := self.replacements[tag]) is not None:
                self._write(tag, *new)
        elif vr == b"SQ" or (length == _UNDEFINED and vr == b"UN"):
            self._open_sequence(tag, vr, length)
        elif length == _UNDEFINED:
            self._write_header(tag, vr, _UNDEFINED)
            start = self._offset
            self._skip_value(length)
            self.output.append(self._data[start : self._offset])
        else:
            value = self._data[self._offset : self._end(length)]
            self._offset += length
            if tag == _PIXEL_REPRESENTATION and length == 2:
                self._signed = any(value)
            if tag & 0xFFFF:  # group lengths are wrong after this
                self._write(tag, vr, self._swapped(vr, value))

    def _open_sequence(self, tag: int, vr: bytes, length: int) -> None:
        """A sequence; of one with VR UN the content is implicit and stays so, unless the source had no VR to tell."""
        known = vr == b"SQ" or self._implicit
        self._open(self._header(tag, b"SQ" if known else vr, _UNDEFINED), length, is_item=False)
        if not known:
            self._implicit = self._write_implicit = True

    def _open(self, head: bytes, length: int, *, is_item: bool) -> None:
        end = _UNDEFINED if length == _UNDEFINED else self._end(length)
        if self._levels and self._levels[-1].end < end != _UNDEFINED:
            raise MalformedInstance("an item is longer than what holds it")
        self.output.append(head)
        self._levels.append(_Level(is_item, end, self._implicit, self._write_implicit))

    def _close(self) -> None:
        level = self._levels.pop()
        self.output.append(b"\xfe\xff\x0d\xe0\0\0\0\0" if level.is_item else b"\xfe\xff\xdd\xe0\0\0\0\0")
        self._implicit, self._write_implicit = level.was_implicit, level.was_written_implicit

    def _skip_value(self, length: int) -> None:
        """Move behind a value; of undefined length, behind its fragments and their delimiter."""
        if length != _UNDEFINED:
            self._offset = self._end(length)
            return
        while True:
            try:
                tag, _, size = self._read_header()
            except struct.error:
                raise MalformedInstance("the data set is cut short") from None
            if tag == _SEQUENCE_END:
                return
            if tag != _ITEM:
                raise MalformedInstance("encapsulated data holds something that is no fragment")
            self._offset = self._end(size)

    def _end(self, length: int) -> int:
        end = self._offset + length
        if end > len(self._data):
            raise MalformedInstance("the data set is cut short")
        return end

    def _swapped(self, vr: bytes, value: memoryview) -> Chunk:
        size = _WORD_SIZES.get(vr, 1)
        if not self._swap or size == 1 or len(value) % size:
            return value
        return np.frombuffer(value, f"u{size}").byteswap().tobytes()

    def _write(self, tag: int, vr: bytes, value: Chunk) -> None:
        self._write_header(tag, vr, len(value))
        self.output.append(value)

    def _write_header(self, tag: int, vr: bytes, length: int) -> None:
        self.output.append(self._header(tag, vr, length))

    def _header(self, tag: int, vr: bytes, length: int) -> bytes:
        head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        if self._write_implicit:
            return head + struct.pack("<L", length)
        if vr in SHORT_VRS and length <= _MAX_SHORT_LENGTH:
            return head + vr + struct.pack("<H", length)
        return head + (b"UN" if vr in SHORT_VRS else vr) + struct.pack("<HL", 0, length)


def vr_of(tag: int, *, signed: bool) -> bytes:
    """The VR of an element that came without, PS3.5 section 6.2.2 and Annex A.1."""
    if tag >> 16 & 1:
        return b"LO" if 0x10 <= tag & 0xFFFF <= 0xFF else b"UN"
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return b"UN"
    if "OW" in vr:  # "OB or OW", "US or OW": little endian words are right for all of them
        return b"OW"
    if vr == "US or SS":
        return b"SS" if signed else b"US"
    return str(vr).encode()
