"""One bounded pass over the elements of an encoded data set.

Law: any bytes give values or MalformedInstance; no recursion, however deep the sequences; values that are not asked
for are stepped over, not read; the walk ends at the pixel data.

Belongs here: elements, items, delimiters. Not here: what the values mean (scan.py).
Source: PS3.5 sections 7.1, 7.5 and 6.2.2, Annex A.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

from pydicom.datadict import tag_for_keyword
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from idas_p2p.blob import Blob
from idas_p2p.dicom.charset import codecs_of, decode
from idas_p2p.dicom.inflate import InflatedHead
from idas_p2p.errors import MalformedInstance

MAX_ELEMENTS: Final = 300_000  # walked before giving up; ours: about half a second
MAX_VALUE_SIZE: Final = 16_384  # bytes read of one attribute, unless the caller says otherwise; ours: the rest is cut
WINDOW: Final = 65_536  # bytes read at once; ours: one read holds most headers

_UNDEFINED: Final = 0xFFFFFFFF  # length, PS3.5 section 7.1.1
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})  # Float, Double Float and plain Pixel Data
_LAST_HEADER_GROUP: Final = 0x0020
LONG_VRS: Final = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
SHORT_VRS: Final = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split()
)  # 16-bit lengths, PS3.5 Table 7.1-2
_IN_SEQUENCE, _IN_ITEM, _WAS_IMPLICIT = 0, 1, 2  # bits of one level of nesting
_CHARACTER_SET: Final = 0x00080005
_NAMES: Final = frozenset({"PatientName", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName"})
_NUMBERS: Final = frozenset({"Rows", "Columns", "BitsAllocated"})  # of VR US, where somebody wants them as text


@dataclass(frozen=True, slots=True)
class PixelData:
    """Where the value of (Float, Double Float) Pixel Data lies in the data set.

    Args:
        offset: bytes from the start of the data set to the value's first byte.
        length: bytes of the value; None when it is encapsulated and runs to a delimiter.
    """

    offset: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Elements:
    """Raw values of the top-level attributes that were asked for, and where the pixel data lies."""

    values: dict[int, bytes]
    pixel_data: PixelData | None
    is_big_endian: bool = False

    def number(self, keyword: str) -> int | None:
        """The value of an attribute with VR US; None when absent."""
        raw = self.values.get(tag_for_keyword(keyword) or 0, b"")
        return int.from_bytes(raw[:2], "big" if self.is_big_endian else "little") if len(raw) >= 2 else None

    def reader(self) -> Callable[[str], str]:
        """A function that gives an attribute's decoded text by keyword, values stripped of padding; empty if absent."""
        codecs = codecs_of(decode(self.values.get(_CHARACTER_SET, b""), ("ascii",)))

        def text(keyword: str) -> str:
            raw = self.values.get(tag_for_keyword(keyword) or 0, b"")
            if not raw:
                return ""
            if keyword in _NUMBERS:
                return str(number) if (number := self.number(keyword)) is not None else ""
            decoded = decode(raw, codecs, is_name=keyword in _NAMES)
            return "\\".join(value.strip(" \0\t\r\n") for value in decoded.split("\\"))

        return text


def read_elements(
    data: Blob,
    transfer_syntax_uid: str,
    keywords: Sequence[str],
    *,
    max_value_size: int = MAX_VALUE_SIZE,
    only_these: bool = False,
) -> Elements:
    """Read top-level attributes of an encoded data set.

    Args:
        data: the data set, without preamble and file meta information.
        transfer_syntax_uid: how it is encoded; one not known is taken for explicit VR little endian, as all newer
            ones are, PS3.5 A.4.
        keywords: the attributes to read; of a deflated data set, those after group 0020 are not found.
        max_value_size: bytes; longer values are cut.
        only_these: stop at the last of them: neither the pixels nor what is wrong behind it matter.

    Raises:
        MalformedInstance: not such a data set, or cut short.
    """
    deflated = transfer_syntax_uid == DeflatedExplicitVRLittleEndian
    walk = _Walk(
        InflatedHead(data) if deflated else _Window(data),
        wanted=_tags_of(tuple(keywords)),
        enough=len(keywords) if only_these else None,
        max_value_size=max_value_size,
        implicit=transfer_syntax_uid == ImplicitVRLittleEndian,
        big_endian=transfer_syntax_uid == ExplicitVRBigEndian,
        stops_after_header=deflated,
    )
    walk.run()
    return Elements(walk.values, walk.pixel_data, transfer_syntax_uid == ExplicitVRBigEndian)


@cache
def _tags_of(keywords: tuple[str, ...]) -> frozenset[int]:
    return frozenset(tag_for_keyword(keyword) or 0 for keyword in keywords) | {_CHARACTER_SET}


class _Source(Protocol):
    """Bytes by offset, some of them not yet known."""

    def at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes; fewer only at the end."""
        ...

    def reaches(self, offset: int) -> bool:
        """Whether at least `offset` bytes exist."""
        ...

    def near(self, offset: int) -> tuple[bytes, int]:
        """Bytes at hand without reading, and where `offset` is in them; none when it is not."""
        ...


class _Window:
    """A blob read in large pieces."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self._start = 0
        self._bytes = b""

    def at(self, offset: int, length: int) -> bytes:
        begin = offset - self._start
        if begin < 0 or begin + length > len(self._bytes):
            self._start, self._bytes, begin = offset, self._blob.read(offset, max(length, WINDOW)), 0
        return self._bytes[begin : begin + length]

    def reaches(self, offset: int) -> bool:
        return offset <= self._blob.size

    def near(self, offset: int) -> tuple[bytes, int]:
        begin = offset - self._start
        return (self._bytes, begin) if begin >= 0 else (b"", 0)


class _Walk:
    """One pass over the elements of a data set."""

    def __init__(
        self,
        source: _Source,
        *,
        wanted: frozenset[int],
        enough: int | None,
        max_value_size: int,
        implicit: bool,
        big_endian: bool,
        stops_after_header: bool,
    ) -> None:
        order = ">" if big_endian else "<"
        self._tag, self._short, self._long = (struct.Struct(order + code) for code in ("HH", "H", "L"))
        self._explicit = struct.Struct(order + "HH2sHL")  # group, number, VR, and the length in either place
        self._source = source
        self._wanted, self._enough = wanted, enough
        self._max_value_size = max_value_size
        self._implicit = implicit
        self._stops_after_header = stops_after_header
        self._levels = bytearray()  # one byte for each open sequence or item
        self._offset = 0
        self.values: dict[int, bytes] = {}
        self.pixel_data: PixelData | None = None

    def run(self) -> None:
        """Walk to the pixel data or the end."""
        count = 0
        while (count := count + 1 + self._glide()) <= MAX_ELEMENTS:
            if not self._levels and not self._source.reaches(self._offset + 1):
                return
            tag, vr, value, length = self._element()
            if tag >> 16 == 0xFFFE:
                self._delimiter(tag, value, length)
            elif self._plain(tag, vr, value, length):
                return
        raise MalformedInstance("too many elements before the pixel data")

    def _glide(self) -> int:
        """Step over the elements ahead that need no thought: explicit, of a known length, at hand; how many they were.

        Only a faster way over what `_element` and `_plain` step over too: most of a header is not asked for.
        """
        if self._implicit or (self._levels and not self._levels[-1] & _IN_ITEM):
            return 0
        data, begin = self._source.near(self._offset)
        unpack, last, is_top = self._explicit.unpack_from, len(data) - self._explicit.size, not self._levels
        offset, count = begin, 0
        while offset <= last:
            group, number, vr, short, long = unpack(data, offset)
            if vr in SHORT_VRS:
                after = offset + 8 + short
            elif vr in LONG_VRS and long != _UNDEFINED:
                after = offset + 12 + long
            else:
                break
            if after > len(data) or group >= 0x7FE0 or (is_top and group << 16 | number in self._wanted):
                break
            offset, count = after, count + 1
        self._offset += offset - begin
        return count

    def _element(self) -> tuple[int, bytes, int, int]:
        """Tag, VR (empty when implicit), offset of the value, its length."""
        head = self._source.at(self._offset, 12)
        if len(head) < 8:
            raise MalformedInstance("the data set ends inside an element")
        group, number = self._tag.unpack_from(head)
        tag = group << 16 | number
        vr = b"" if self._implicit or group == 0xFFFE else head[4:6]
        if vr in SHORT_VRS:
            return tag, vr, self._offset + 8, self._short.unpack_from(head, 6)[0]
        if vr in LONG_VRS or (vr.isalpha() and vr.isupper()):  # one of the future is long, PS3.5 section 7.1.2
            if len(head) < 12:
                raise MalformedInstance("the data set ends inside an element")
            return tag, vr, self._offset + 12, self._long.unpack_from(head, 8)[0]
        return tag, b"", self._offset + 8, self._long.unpack_from(head, 4)[0]  # implicit, even where it should not be

    def _delimiter(self, tag: int, value: int, length: int) -> None:
        inside = self._levels[-1] & _IN_ITEM if self._levels else -1
        if tag == _ITEM and inside == _IN_SEQUENCE:
            if length == _UNDEFINED:
                self._levels.append(_IN_ITEM)
                self._offset = value
            else:
                self._skip(value, length)
        elif (tag == _ITEM_END and inside == _IN_ITEM) or (tag == _SEQUENCE_END and inside == _IN_SEQUENCE):
            level = self._levels.pop()
            if tag == _SEQUENCE_END:
                self._implicit = bool(level & _WAS_IMPLICIT)
            self._offset = value
        else:
            raise MalformedInstance("an item or delimiter stands where none may be")

    def _plain(self, tag: int, vr: bytes, value: int, length: int) -> bool:
        """Take an element that is no delimiter; True when the walk is over."""
        if self._levels:
            if not self._levels[-1] & _IN_ITEM:
                raise MalformedInstance("a sequence holds something that is no item")
        elif tag in _PIXELS:
            return self._end_at_pixels(value, length)
        elif self._stops_after_header and tag >> 16 > _LAST_HEADER_GROUP:
            return True
        if length == _UNDEFINED:
            self._levels.append(_IN_SEQUENCE | (_WAS_IMPLICIT if self._implicit else 0))
            self._implicit = self._implicit or vr == b"UN"  # PS3.5 section 6.2.2, note 2
            self._offset = value
            return False
        if not self._levels and tag in self._wanted and tag not in self.values:
            self.values[tag] = self._source.at(value, min(length, self._max_value_size))
        self._skip(value, length)
        return self._enough is not None and len(self.values) - (_CHARACTER_SET in self.values) >= self._enough

    def _end_at_pixels(self, value: int, length: int) -> bool:
        if length == _UNDEFINED:
            self.pixel_data = PixelData(value, None)
        else:
            self._skip(value, length)
            self.pixel_data = PixelData(value, length)
        return True

    def _skip(self, value: int, length: int) -> None:
        self._offset = value + length
        if length == _UNDEFINED or not self._source.reaches(self._offset):
            raise MalformedInstance("the data set is cut short")
