"""The elements of an encoded data set with where each begins and ends, sequences and items included.

Law: any bytes give a tree, Truncated or MalformedInstance; depth and number are bounded; values are not touched. The
tree ends before the pixel data. Belongs here: where things are. Not here: what is done to them (deeds.py).
Source: PS3.5 sections 7.1, 7.5 and 6.2.2, Annex A.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from idas_p2p.dicom.recode import vr_of
from idas_p2p.dicom.walk import LONG_VRS, MAX_ELEMENTS, SHORT_VRS
from idas_p2p.errors import MalformedInstance

MAX_DEPTH: Final = 64  # sequences in sequences; ours: real ones have about ten
UNDEFINED: Final = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_SIMPLE: Final = LONG_VRS - {b"SQ", b"UN"}
PIXELS: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})


class Truncated(Exception):
    """The bytes end before the last element does."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written."""

    implicit: bool = False
    big_endian: bool = False


class Element(NamedTuple):
    """One element; offsets are of the data set."""

    tag: int
    vr: bytes  # from the dictionary where none is written
    start: int
    value: int
    end: int  # behind it, delimiters included
    items: list[Item] | None = None  # of a sequence
    implicit: bool = False  # how its items are written


class Item(NamedTuple):
    """One item of a sequence."""

    start: int
    elements: list[Element]
    end: int


class Tree:
    """Reads elements.

    Args:
        data: a data set, or the beginning of one.
        encoding: how it is written.
    """

    def __init__(self, data: bytes, encoding: Encoding) -> None:
        self._data, self.encoding = data, encoding
        order = ">" if encoding.big_endian else "<"
        self._explicit = struct.Struct(order + "HH2sHL")
        self._implicit = struct.Struct(order + "HHL")
        self._count = 0
        self.pixels: Element | None = None  # its end is that of its header; its items say nothing
        self.pixels_length = 0

    def read(self, offset: int = 0) -> list[Element]:
        """Every element at the top from an offset on; stops before the pixel data, which `pixels` then tells of.

        Raises:
            Truncated: the data ends inside an element.
            MalformedInstance: not such a data set.
        """
        return self._elements(offset, len(self._data), self.encoding.implicit, 0)[0]

    def _elements(self, offset: int, end: int, implicit: bool, depth: int) -> tuple[list[Element], int]:
        """Elements up to an end or a delimiter, and the offset behind the last."""
        found = list[Element]()
        add, data, size = found.append, self._data, len(self._data)
        unpack, short_vrs = self._explicit.unpack_from, SHORT_VRS
        simple, new = _SIMPLE, tuple.__new__  # half the time of Element(...), and there are hundreds of them
        while offset < end:
            if not implicit and offset + 12 <= size:
                group, number, vr, short, length = unpack(data, offset)
                if vr in short_vrs:
                    after = offset + 8 + short
                    if after > end:
                        break
                    add(new(Element, (group << 16 | number, vr, offset, offset + 8, after, None, False)))
                    offset = after
                    continue
                if vr in simple and group < 0x7FE0 and offset + 12 + length <= end:
                    after = offset + 12 + length
                    add(new(Element, (group << 16 | number, vr, offset, offset + 12, after, None, False)))
                    offset = after
                    continue
            element = self._element(offset, end, implicit, depth)
            if element is None:
                return found, offset
            add(element)
            offset = element.end
        if offset < end:
            raise Truncated
        self._count += len(found)
        if self._count > MAX_ELEMENTS:
            raise MalformedInstance("too many elements")
        return found, offset

    def _element(self, offset: int, end: int, implicit: bool, depth: int) -> Element | None:
        """One element that needs a closer look; None at a delimiter or the pixel data."""
        tag, vr, value, length = self._header(offset, implicit)
        if tag in (ITEM_END, SEQUENCE_END) or tag == ITEM:
            if depth == 0 or tag == ITEM:
                raise MalformedInstance("an item or delimiter stands where none may be")
            return None
        if depth == 0 and tag in PIXELS:
            self.pixels, self.pixels_length = Element(tag, vr, offset, value, value), length
            return None
        if length == UNDEFINED and vr not in (b"SQ", b"UN"):
            return Element(tag, vr, offset, value, self._behind_fragments(value))
        if length != UNDEFINED and value + length > end:
            raise Truncated
        if vr == b"SQ" or length == UNDEFINED:
            inner = implicit or vr == b"UN"  # PS3.5 section 6.2.2, note 2
            items, after = self._items(value, None if length == UNDEFINED else value + length, inner, depth + 1)
            return Element(tag, vr, offset, value, after, items, inner)
        if vr == b"UN" and length >= 8 and tag >> 16 & 1 == 0 and vr_of(tag, signed=False) == b"SQ":
            try:
                items, after = self._items(value, value + length, True, depth + 1)
            except (MalformedInstance, Truncated):
                return Element(tag, vr, offset, value, value + length)
            return Element(tag, vr, offset, value, after, items, True)
        return Element(tag, vr, offset, value, value + length)

    def _header(self, offset: int, implicit: bool) -> tuple[int, bytes, int, int]:
        """Tag, VR, offset of the value, its length."""
        head = self._data[offset : offset + 12]
        if len(head) < 8:
            raise Truncated
        group, number, length = self._implicit.unpack_from(head)
        tag, vr = group << 16 | number, head[4:6]
        if implicit or group == 0xFFFE or not (vr.isalpha() and vr.isupper()):
            return tag, _vr(tag), offset + 8, length
        if vr in SHORT_VRS:
            return tag, vr, offset + 8, self._explicit.unpack(head.ljust(12, b"\0"))[3]
        if len(head) < 12:
            raise Truncated
        return tag, vr, offset + 12, self._explicit.unpack(head)[4]

    def _items(self, offset: int, end: int | None, implicit: bool, depth: int) -> tuple[list[Item], int]:
        """Items of a sequence up to its end, or its delimiter when that is None; and the offset behind it."""
        if depth > MAX_DEPTH:
            raise MalformedInstance("sequences are nested too deeply")
        items = list[Item]()
        while end is None or offset < end:
            tag, _, value, length = self._header(offset, True)
            if end is None and tag == SEQUENCE_END:
                return items, value
            if tag != ITEM:
                raise MalformedInstance("a sequence holds something that is no item")
            limit = len(self._data) if end is None else end
            if length == UNDEFINED:
                elements, after = self._elements(value, limit, implicit, depth)
                if self._header(after, True)[0] != ITEM_END:
                    raise MalformedInstance("an item has no end")
                after += 8
            else:
                after = value + length
                if after > limit:
                    raise Truncated
                elements, reached = self._elements(value, after, implicit, depth)
                if reached != after:
                    raise MalformedInstance("an item ends before its length")
            items.append(Item(offset, elements, after))
            offset = after
            self._count += 1
        return items, offset

    def _behind_fragments(self, offset: int) -> int:
        while True:
            tag, _, value, length = self._header(offset, True)
            if tag == SEQUENCE_END:
                return value
            if tag != ITEM or length == UNDEFINED:
                raise MalformedInstance("encapsulated data holds something that is no fragment")
            offset = value + length
            if offset > len(self._data):
                raise Truncated


@lru_cache(maxsize=16_384)
def _vr(tag: int) -> bytes:
    """The VR of an element that came without; private ones are looked up by their creator elsewhere."""
    return b"" if tag >> 16 == 0xFFFE else vr_of(tag, signed=False)
