"""A data set with some of its elements replaced: what is kept is taken over byte for byte, lengths are made right.

Law: whatever is decided, the result has the encoding of the source, sequences and items end where their lengths say.
Belongs here: putting a data set together again. Not here: deciding (deeds.py, scrub.py), reading (tree.py).
Source: PS3.5 sections 7.1 and 7.5.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Protocol

from idas_p2p.dicom.levels.tree import UNDEFINED, Element, Encoding, Item
from idas_p2p.dicom.walk import SHORT_VRS

_MAX_SHORT: Final = 65_534  # bytes of a value with a 16-bit length; PS3.5 section 7.1.2


@dataclass(frozen=True, slots=True)
class Place:
    """Where elements stand."""

    parent: int  # tag of the sequence; 0 at the top
    siblings: list[Element]
    implicit: bool  # whether VRs are left out here
    dummy: bool = False  # whether everything that speaks is replaced here
    clean: bool = False  # whether free text is cleaned here


@dataclass(frozen=True, slots=True)
class Enter:
    """The decision to look into a sequence's items; see Place."""

    dummy: bool = False
    clean: bool = False


Decision = bytes | Enter | None
"""A new value; look inside; None to keep the element. REMOVED takes it away."""

REMOVED: Final = b"\xff" * 3  # no value: values are of even length


class Decider(Protocol):
    """Says what becomes of an element."""

    def decide(self, element: Element, place: Place) -> Decision:
        """Of one element."""
        ...


class Rebuilder:
    """Rebuilds one data set.

    Args:
        data: what the offsets of its elements mean.
        encoding: how it is written, and how the result is.
        decider: decides.
    """

    def __init__(self, data: bytes, encoding: Encoding, decider: Decider) -> None:
        self._data, self._decide = data, decider.decide
        order = ">" if encoding.big_endian else "<"
        self._tag_length = struct.Struct(order + "HHL").pack
        self._short = struct.Struct(order + "HH2sH").pack
        self._long = struct.Struct(order + "HH2sHL").pack

    def rebuild(self, elements: list[Element], start: int, end: int, place: Place) -> list[bytes] | None:
        """The bytes from start to end, in pieces; None when nothing is changed."""
        pieces, kept, data, decide = list[bytes](), start, self._data, self._decide
        for element in elements:
            decision = decide(element, place)
            if isinstance(decision, Enter):
                decision = self._sequence(element, decision)
            elif decision is not None:
                decision = b"" if decision is REMOVED else self.element(element, decision, implicit=place.implicit)
            if decision is None:
                continue
            if element.start > kept:
                pieces.append(data[kept : element.start])
            if decision:
                pieces.append(decision)
            kept = element.end
        if kept == start:
            return None
        pieces.append(data[kept:end])
        return pieces

    def element(self, element: Element, value: bytes, *, implicit: bool) -> bytes:
        """The element with another value, which is padded to even length."""
        if len(value) % 2:
            value += b"\0" if element.vr in (b"UI", b"OB", b"UN") else b" "
        vr = element.vr
        is_bare = implicit or self._data[element.start + 4 : element.start + 6] != vr
        return self.header(element.tag, b"" if is_bare else vr, len(value)) + value

    def header(self, tag: int, vr: bytes, length: int) -> bytes:
        """Tag, VR where there is one, and length; a value too long for its VR is of unknown VR, PS3.5 section 6.2.2."""
        group, number = tag >> 16, tag & 0xFFFF
        if not vr:
            return self._tag_length(group, number, length)
        if vr in SHORT_VRS:
            if length <= _MAX_SHORT:
                return self._short(group, number, vr, length)
            vr = b"UN"
        return self._long(group, number, vr, 0, length)

    def _sequence(self, element: Element, how: Enter) -> bytes | None:
        if not element.items:
            return None
        rebuilt = [self._item(item, element, how) for item in element.items]
        if not any(rebuilt):
            return None
        data, is_open = self._data, self._is_open(element.value - 4)
        body = b"".join(new or data[item.start : item.end] for new, item in zip(rebuilt, element.items, strict=True))
        if is_open:
            return data[element.start : element.value] + body + data[element.end - 8 : element.end]
        head = data[element.start : element.value - 4]
        return head + self._tag_length(0, 0, len(body))[4:] + body

    def _item(self, item: Item, sequence: Element, how: Enter) -> bytes | None:
        start, is_open = item.start + 8, self._is_open(item.start + 4)
        place = Place(sequence.tag, item.elements, sequence.implicit, how.dummy, how.clean)
        pieces = self.rebuild(item.elements, start, item.end - 8 * is_open, place)
        if pieces is None:
            return None
        body, data = b"".join(pieces), self._data
        if is_open:
            return data[item.start : start] + body + data[item.end - 8 : item.end]
        return data[item.start : item.start + 4] + self._tag_length(0, 0, len(body))[4:] + body

    def _is_open(self, offset: int) -> bool:
        """Whether the length at an offset is undefined."""
        return self._data[offset : offset + 4] == UNDEFINED.to_bytes(4, "big")
