"""Another institution's exam under the local patient id and accession number, and back.

Law: nothing but the coerced elements and Original Attributes Sequence (0400,0561) changes, byte for byte; what stood
there before is in that sequence, so that `restored` gives it back. Two patients never become one by this: whoever asks
names the issuer as well. Belongs here: one data set. Not here: whose id becomes which (node/coercing.py).
Source: PS3.3 C.12.1.1.9, PS3.3 Table C.12-1; PS3.5 sections 7.1 and 7.5.
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Mapping
from typing import Final

from pydicom.datadict import tag_for_keyword
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from idas_p2p.blob import Blob, MemoryBlob
from idas_p2p.dicom.convert import deflated, inflated
from idas_p2p.dicom.levels.spliced import Spliced
from idas_p2p.dicom.levels.tree import Element, Encoding, Tree, Truncated
from idas_p2p.errors import CannotConvert, MalformedInstance

VRS: Final = {"PatientID": b"LO", "IssuerOfPatientID": b"LO", "AccessionNumber": b"SH"}
"""What can be coerced, with its VR."""
LENGTHS: Final = {"PatientID": 64, "IssuerOfPatientID": 64, "AccessionNumber": 16}  # characters, PS3.5 Table 6.2-1
FIRST_READ: Final = 262_144  # bytes, enough for nearly every head; ours
MAX_HEAD: Final = 268_435_456  # bytes before the pixels; ours
ORIGINAL_ATTRIBUTES, MODIFIED_ATTRIBUTES = 0x04000561, 0x04000550
_MODIFIED_AT, _MODIFYING_SYSTEM, _SOURCE, _REASON = 0x04000562, 0x04000563, 0x04000564, 0x04000565
_TAGS: Final = {int(tag_for_keyword(keyword) or 0): keyword for keyword in VRS}
_ITEM: Final = (0xFFFE, 0xE000)
_LONG: Final = frozenset({b"SQ", b"UN", b"OB", b"OW", b"UT"})


def coerced(
    data: Blob, transfer_syntax_uid: str, values: Mapping[str, str], *, system: str, source: str, at: datetime.datetime
) -> Blob:
    """The data set with other values, what they replace recorded in Original Attributes Sequence.

    Args:
        data: a data set.
        transfer_syntax_uid: how it is encoded.
        values: keywords of VRS and their new values, ASCII.
        system: who changes it, at most 64 characters.
        source: where the values come from that are replaced, at most 64 characters.
        at: when.

    Raises:
        CannotConvert: a value that cannot be written.
        MalformedInstance: not such a data set.
    """
    for keyword, value in values.items():
        if not value.isascii() or "\\" in value or len(value) > LENGTHS[keyword]:
            raise CannotConvert(f"{keyword}: at most {LENGTHS[keyword]} ASCII characters without backslash")
    head = _Head(data, transfer_syntax_uid)
    wanted = {tag: values[keyword].encode() for tag, keyword in _TAGS.items() if keyword in values}
    before = {tag: head.value(tag) for tag in wanted}
    if before == {tag: _padded(value) for tag, value in wanted.items()}:
        return data
    moment = at.strftime("%Y%m%d%H%M%S.%f%z").encode()
    originals = b"".join(head.encoded(tag, before[tag]) for tag in sorted(wanted))
    item = b"".join(
        (
            head.encoded(MODIFIED_ATTRIBUTES, head.item(originals), b"SQ"),
            head.encoded(_MODIFIED_AT, moment, b"DT"),
            head.encoded(_MODIFYING_SYSTEM, _text(system), b"LO"),
            head.encoded(_SOURCE, _text(source), b"LO"),
            head.encoded(_REASON, b"COERCE", b"CS"),
        )
    )
    earlier = head.items(ORIGINAL_ATTRIBUTES)
    sequence = head.encoded(ORIGINAL_ATTRIBUTES, b"".join((*earlier, head.item(item))), b"SQ")
    new = {tag: head.encoded(tag, value) for tag, value in wanted.items()}
    return head.with_elements({**new, ORIGINAL_ATTRIBUTES: sequence})


def restored(data: Blob, transfer_syntax_uid: str) -> Blob:
    """The data set as it was before it was coerced last; itself where it never was.

    Raises:
        MalformedInstance: not such a data set.
    """
    head = _Head(data, transfer_syntax_uid)
    earlier = head.items(ORIGINAL_ATTRIBUTES)
    if not earlier:
        return data
    originals = head.originals()
    if not originals:
        return data
    kept = head.encoded(ORIGINAL_ATTRIBUTES, b"".join(earlier[:-1]), b"SQ") if earlier[:-1] else b""
    return head.with_elements({**originals, ORIGINAL_ATTRIBUTES: kept})


class _Head:
    """The elements before the pixels, and how to write others."""

    def __init__(self, data: Blob, transfer_syntax_uid: str) -> None:
        self._is_deflated = transfer_syntax_uid == DeflatedExplicitVRLittleEndian
        self._blob: Blob = MemoryBlob(inflated(data.read())) if self._is_deflated else data
        implicit, big = transfer_syntax_uid == ImplicitVRLittleEndian, transfer_syntax_uid == ExplicitVRBigEndian
        self._encoding, self._order = Encoding(implicit=implicit, big_endian=big), ">" if big else "<"
        size = min(self._blob.size, FIRST_READ)
        while True:
            self._bytes = self._blob.read(0, size)
            tree = Tree(self._bytes, self._encoding)
            try:
                elements = tree.read()
                if tree.pixels is not None or size >= self._blob.size:
                    break
            except Truncated:
                if size >= self._blob.size or size >= MAX_HEAD:
                    raise MalformedInstance("the data set is cut short") from None
            size = min(self._blob.size, 4 * size)
        self._elements = {element.tag: element for element in elements}
        self._end = tree.pixels.start if tree.pixels is not None else len(self._bytes)

    def value(self, tag: int) -> bytes:
        """The raw value of an element; empty when it is absent."""
        element = self._elements.get(tag)
        return b"" if element is None else self._bytes[element.value : element.end]

    def items(self, tag: int) -> list[bytes]:
        """The items of a sequence as they are encoded, headers included, each of explicit length."""
        element = self._elements.get(tag)
        if element is None or element.items is None:
            return []
        return [self.item(self._content(item.elements)) for item in element.items]

    def originals(self) -> dict[int, bytes]:
        """What the last item of Original Attributes Sequence says that was replaced, as elements."""
        element = self._elements[ORIGINAL_ATTRIBUTES]
        last = element.items[-1].elements if element.items else []
        modified = next((one for one in last if one.tag == MODIFIED_ATTRIBUTES), None)
        if modified is None or not modified.items:
            return {}
        found = {one.tag: self._bytes[one.value : one.end] for one in modified.items[0].elements if one.tag in _TAGS}
        return {tag: self.encoded(tag, value) for tag, value in found.items()}

    def _content(self, elements: list[Element]) -> bytes:
        return self._bytes[elements[0].start : elements[-1].end] if elements else b""

    def item(self, content: bytes) -> bytes:
        """An item of explicit length."""
        return struct.pack(f"{self._order}HHL", *_ITEM, len(content)) + content

    def encoded(self, tag: int, value: bytes, vr: bytes | None = None) -> bytes:
        """An element; `vr` where it is none that can be coerced."""
        vr = vr or VRS[_TAGS[tag]]
        value = value if vr == b"SQ" else _padded(value)
        group, number = divmod(tag, 0x10000)
        if self._encoding.implicit:
            return struct.pack("<HHL", group, number, len(value)) + value
        if vr in _LONG:
            return struct.pack(f"{self._order}HH2sHL", group, number, vr, 0, len(value)) + value
        return struct.pack(f"{self._order}HH2sH", group, number, vr, len(value)) + value

    def with_elements(self, new: Mapping[int, bytes]) -> Blob:
        """The data set with these elements in place of its own; an empty one is left out."""
        kept = {tag: self._bytes[one.start : one.end] for tag, one in self._elements.items() if tag not in new}
        head = b"".join(encoded for _, encoded in sorted({**kept, **new}.items()))
        if self._is_deflated:
            return MemoryBlob(deflated(head + self._blob.read(self._end)))
        rest = self._blob.size - self._end
        return Spliced(head, self._blob, self._end, rest, b"") if rest else MemoryBlob(head)


def _padded(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)


def _text(value: str) -> bytes:
    return value.encode("ascii", "replace").replace(b"\\", b"/")[:64]
