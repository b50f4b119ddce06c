"""An instance as a level shows it: its data set changed, its pixels the same bytes.

Law: the same instance at the same level with the same key gives the same bytes, on every machine and at every time, so
that a transfer can be resumed. Belongs here: one instance from end to end. Not here: single elements (deeds.py).
Source: docs/spec/levels.md; PS3.15 section E.1.1.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from idas_p2p.blob import Blob, MemoryBlob
from idas_p2p.dicom.convert import MAX_SIZE, deflated, inflated, uncompressed
from idas_p2p.dicom.layout import NATIVE
from idas_p2p.dicom.levels.burned_in import Box, Frame, blank, boxes_to_blank
from idas_p2p.dicom.levels.deeds import Doer, Subject
from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.marks import lossy, marks
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.dicom.levels.rebuild import Place, Rebuilder
from idas_p2p.dicom.levels.scrub import Scrubber
from idas_p2p.dicom.levels.spliced import Spliced
from idas_p2p.dicom.levels.subject import Head, subject_of
from idas_p2p.dicom.levels.tree import ITEM, SEQUENCE_END, UNDEFINED, Element, Encoding, Tree, Truncated
from idas_p2p.errors import AccessDenied, CannotConvert, MalformedInstance
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.wire.instance import Instance

FIRST_READ: Final = 262_144  # bytes of a large instance, enough for nearly every head; ours
READ_WHOLE: Final = 4_194_304  # bytes up to which an instance is read at once; ours
MAX_HEAD: Final = 268_435_456  # bytes before the pixels; ours
COMMENTS: Final = 16_384  # bytes of compressed pixels in which their coders' comments stand; ours
LEAST_IN_PIXELS: Final = 6  # bytes of an identifier that cannot stand among them by chance; ours
MAX_DIGITS: Final = 10  # of a number of frames; ours
_ROWS, _COLUMNS, _PHOTOMETRIC, _FRAMES = 0x00280010, 0x00280011, 0x00280004, 0x00280008
_FRAME_NUMBERS: Final = (_ROWS, _COLUMNS, 0x00280002, 0x00280100, 0x00280006)


@dataclass(frozen=True, slots=True, repr=False)
class Parts:
    """What an instance becomes: new bytes around a range of its own; never prints itself."""

    head: bytes
    start: int = 0  # of the range
    length: int = 0
    tail: bytes = b""
    is_whole: bool = False  # whether the head is all: the instance was deflated, or its pixels were cleaned
    transfer_syntax_uid: str = ""  # where it is another than the instance had: its pixels were decoded to be cleaned

    def __repr__(self) -> str:
        return f"Parts({len(self.head)} + {self.length} + {len(self.tail)} bytes)"

    def around(self, blob: Blob) -> Blob:
        """The data set made of them; a small one in memory."""
        if self.is_whole:
            return MemoryBlob(self.head)
        if blob.size > CHUNK_SIZE:
            return Spliced(self.head, blob, self.start, self.length, self.tail)
        if isinstance(blob, MemoryBlob):
            pixels: bytes | memoryview = memoryview(blob.data)[self.start : self.start + self.length]
        else:
            pixels = blob.read(self.start, self.length)
        return MemoryBlob(b"".join((self.head, pixels, self.tail)))


class Engine:
    """Applies one level.

    Args:
        plan: what the level does.
        pseudonyms: of its project.
    """

    def __init__(self, plan: Plan, pseudonyms: Pseudonyms) -> None:
        self._plan, self._pseudonyms = plan, pseudonyms

    def uid(self, original: str) -> str:
        """What a study, series or instance is called at this level."""
        return self._pseudonyms.uid(original.encode()).decode() if self._plan.maps_uids else original

    def apply(self, instance: Instance) -> Instance:
        """The instance as the level shows it; errors as for `parts`."""
        if instance.data.size <= CHUNK_SIZE:
            instance = replace(instance, data=MemoryBlob(instance.data.read()))
        return self.joined(instance, self.parts(instance))

    def joined(self, instance: Instance, parts: Parts) -> Instance:
        """The instance made of parts that were worked out for it before."""
        return replace(
            instance,
            study_uid=self.uid(instance.study_uid),
            series_uid=self.uid(instance.series_uid),
            sop_instance_uid=self.uid(instance.sop_instance_uid),
            transfer_syntax_uid=parts.transfer_syntax_uid or instance.transfer_syntax_uid,
            data=parts.around(instance.data),
        )

    def is_quick(self, instance: Instance) -> bool:
        """Whether an instance takes no longer than its size says: no pixels of it may have to be decoded."""
        return instance.data.size <= CHUNK_SIZE and (
            not self._plan.level.regions or instance.transfer_syntax_uid in NATIVE
        )

    def parts(self, instance: Instance) -> Parts:
        """What the instance becomes.

        Raises:
            AccessDenied: text may be burned into its pixels.
            MalformedInstance: it cannot be read.
            CannotConvert: it is deflated and too large.
            OSError: it cannot be read from the disk.
        """
        syntax, sop_class_uid = instance.transfer_syntax_uid, instance.sop_class_uid
        if syntax != DeflatedExplicitVRLittleEndian:
            return self._parts(instance.data, syntax, sop_class_uid)
        blob = MemoryBlob(inflated(instance.data.read()))
        data = self._parts(blob, syntax, sop_class_uid).around(blob).read()
        return Parts(deflated(data), is_whole=True)

    def _parts(
        self, blob: Blob, transfer_syntax_uid: str, sop_class_uid: str, said: Sequence[tuple[int, bytes]] = ()
    ) -> Parts:
        encoding = Encoding(
            implicit=transfer_syntax_uid == ImplicitVRLittleEndian,
            big_endian=transfer_syntax_uid == ExplicitVRBigEndian,
        )
        data, tree, elements = _read_head(blob, encoding)
        head, pixels = Head(data, elements, encoding), tree.pixels
        is_deidentified = self._plan.is_deidentified
        boxes = self._boxes(head, has_pixels=pixels is not None) if is_deidentified else ()
        if boxes and pixels is not None and tree.pixels_length == UNDEFINED:
            return self._decoded(blob, head, transfer_syntax_uid, sop_class_uid)
        subject = subject_of(head, self._plan.of(sop_class_uid), self._pseudonyms)
        end = 0 if pixels is None else _behind_pixels(blob, data, pixels, tree.pixels_length)
        if pixels is not None and tree.pixels_length == UNDEFINED and _is_commented(blob, pixels, end, subject):
            return self._decoded(blob, head, transfer_syntax_uid, sop_class_uid)
        cleaned = _cleaned(blob, head, pixels, tree.pixels_length, boxes) if boxes and pixels is not None else b""
        added = marks(self._plan.level, head, was_cleaned=bool(cleaned)) if is_deidentified else []
        new_head = self._rebuilt(head, [*added, *said], subject, sop_class_uid)
        if pixels is None:
            return Parts(new_head)
        new_head += data[pixels.start : pixels.value]
        tail = self._tail(blob, end, encoding, subject, sop_class_uid)
        if cleaned:
            return Parts(new_head + cleaned + tail, is_whole=True)
        return Parts(new_head, pixels.value, end - pixels.value, tail)

    def _boxes(self, head: Head, *, has_pixels: bool) -> tuple[Box, ...]:
        """What of the pixels must be blanked.

        Raises:
            AccessDenied: they may neither stay nor be blanked.
        """
        return boxes_to_blank(
            self._plan.level,
            head.text,
            rows=head.number(_ROWS) if has_pixels else 0,
            columns=head.number(_COLUMNS),
            has_hidden_overlay=head.has_hidden_overlay(),
        )

    def _decoded(self, blob: Blob, head: Head, transfer_syntax_uid: str, sop_class_uid: str) -> Parts:
        """The instance with its pixels decoded: to be cleaned, or without the comments of their coding.

        They stay so: coding them again could lose more.

        Raises:
            AccessDenied: nothing here can decode them.
        """
        if blob.size > MAX_SIZE:
            raise AccessDenied("the image is too large to be decoded, so that its burned-in text cannot be blanked")
        try:
            plain = uncompressed(blob.read(), transfer_syntax_uid)
        except (CannotConvert, NotImplementedError):
            raise AccessDenied("nothing here decodes the image, so that text in it cannot be taken away") from None
        said = lossy(head, transfer_syntax_uid, len(plain) / blob.size)
        decoded = MemoryBlob(plain)
        parts = self._parts(decoded, ExplicitVRLittleEndian, sop_class_uid, said)
        return Parts(parts.around(decoded).read(), is_whole=True, transfer_syntax_uid=str(ExplicitVRLittleEndian))

    def _rebuilt(self, head: Head, added: list[tuple[int, bytes]], subject: Subject, sop_class_uid: str) -> bytes:
        """Every element before the pixels as the level shows it, with some more in their places."""
        data, elements = head.data, head.elements
        doer = Doer(data, self._plan.of(sop_class_uid), subject, self._pseudonyms)
        rebuilder = Rebuilder(data, head.encoding, doer)
        place = Place(0, elements, head.encoding.implicit)
        pieces, first, start = list[bytes](), 0, 0
        for tag, encoded in added:
            last = next((i for i in range(first, len(elements)) if elements[i].tag >= tag), len(elements))
            end = elements[last].start if last < len(elements) else head.end
            pieces += rebuilder.rebuild(elements[first:last], start, end, place) or [data[start:end]]
            pieces.append(encoded)
            if last < len(elements) and elements[last].tag == tag:
                end, last = elements[last].end, last + 1
            first, start = last, end
        pieces += rebuilder.rebuild(elements[first:], start, head.end, place) or [data[start : head.end]]
        return self._scrubbed(b"".join(pieces), head.encoding, subject)

    def _tail(self, blob: Blob, start: int, encoding: Encoding, subject: Subject, sop_class_uid: str) -> bytes:
        """What follows the pixels, as the level shows it."""
        data = blob.read(start) if start < blob.size else b""
        if not data:
            return b""
        if len(data) > MAX_HEAD:
            raise MalformedInstance("too much follows the pixels")
        tree = Tree(data, encoding)
        try:
            elements = tree.read()
        except Truncated:
            raise MalformedInstance("the data set is cut short") from None
        if tree.pixels is not None:
            raise MalformedInstance("there are two kinds of pixels")
        doer = Doer(data, self._plan.of(sop_class_uid), subject, self._pseudonyms)
        pieces = Rebuilder(data, encoding, doer).rebuild(elements, 0, len(data), Place(0, elements, encoding.implicit))
        return self._scrubbed(data if pieces is None else b"".join(pieces), encoding, subject)

    def _scrubbed(self, data: bytes, encoding: Encoding, subject: Subject) -> bytes:
        """The same without identifiers that stood where none should."""
        if not subject.identity.may_occur(data):
            return data
        elements = Tree(data, encoding).read()
        scrubber = Scrubber(data, subject.identity, subject.codecs)
        pieces = Rebuilder(data, encoding, scrubber).rebuild(
            elements, 0, len(data), Place(0, elements, encoding.implicit)
        )
        return data if pieces is None else b"".join(pieces)


def _is_commented(blob: Blob, pixels: Element, end: int, subject: Subject) -> bool:
    """Whether compressed pixels begin with a comment that names the patient."""
    head = blob.read(pixels.value, min(COMMENTS, end - pixels.value)).lower()
    return any(needle in head for needle in subject.identity.needles if len(needle) >= LEAST_IN_PIXELS)


def _cleaned(blob: Blob, head: Head, pixels: Element, length: int, boxes: tuple[Box, ...]) -> bytes:
    """Native pixels with boxes blanked; errors as of `blank`."""
    rows, columns, samples, bits_allocated, planar = (head.number(tag) for tag in _FRAME_NUMBERS)
    said = head.text(_FRAMES)
    frames = int(said) if said.isdecimal() and len(said) < MAX_DIGITS else 1
    is_swapped = head.encoding.big_endian and pixels.vr == b"OW" and bits_allocated <= 8
    frame = Frame(rows, columns, samples or 1, bits_allocated, planar == 1, frames, head.text(_PHOTOMETRIC), is_swapped)
    return blank(blob.read(pixels.value, length), frame, boxes)


def _read_head(blob: Blob, encoding: Encoding) -> tuple[bytes, Tree, list[Element]]:
    """Bytes enough to hold every element before the pixels, and these."""
    size = blob.size if blob.size <= READ_WHOLE else FIRST_READ
    while True:
        data = blob.read(0, size)
        tree = Tree(data, encoding)
        try:
            elements = tree.read()
        except Truncated:
            if size >= blob.size or size >= MAX_HEAD:
                raise MalformedInstance("the data set is cut short") from None
            size *= 4
        else:
            if tree.pixels is None and size < blob.size:  # it ended with an element, and more follow
                size *= 4
                continue
            return data, tree, elements


def _behind_pixels(blob: Blob, data: bytes, pixels: Element, length: int) -> int:
    """Offset of what follows the pixels."""
    if length != UNDEFINED:
        end = pixels.value + length
        if end > blob.size:
            raise MalformedInstance("the data set is cut short")
        return end
    offset, is_whole = pixels.value, len(data) == blob.size
    while True:
        header = data[offset : offset + 8] if is_whole else blob.read(offset, 8)
        if len(header) < 8:
            raise MalformedInstance("the pixels are cut short")
        group, number, size = struct.unpack("<HHL", header)
        offset += 8
        if group << 16 | number == SEQUENCE_END:
            return offset
        if group << 16 | number != ITEM or size == UNDEFINED:
            raise MalformedInstance("encapsulated data holds something that is no fragment")
        offset += size
