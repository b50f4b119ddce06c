"""Whom an instance is about, read from its head, and what of that its level hides.

Belongs here: gathering. Not here: finding it in text (text.py), replacing (deeds.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from idas_p2p.dicom.charset import codecs_of, decode
from idas_p2p.dicom.levels.deeds import Subject
from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.plan import PATIENT_ID, PATIENT_NAME, Deeds
from idas_p2p.dicom.levels.private import declared_safe
from idas_p2p.dicom.levels.table import Deed
from idas_p2p.dicom.levels.text import Identity
from idas_p2p.dicom.levels.tree import Element, Encoding

_CHARACTER_SET: Final = 0x00080005
_BIRTH_DATE: Final = 0x00100030
_NUMBERS: Final = (
    PATIENT_ID,
    0x00080050,  # Accession Number
    0x00080080,  # Institution Name
    0x00080081,  # Institution Address
    0x00080092,  # Referring Physician's Address
    0x00080094,  # Referring Physician's Telephone Numbers
    0x00081010,  # Station Name
    _BIRTH_DATE,
    0x00101000,  # Other Patient IDs
    0x00101040,  # Patient's Address
    0x00101090,  # Medical Record Locator
    0x00102154,  # Patient's Telephone Numbers
    0x00181000,  # Device Serial Number
    0x0020000D,  # Study Instance UID
    0x0020000E,  # Series Instance UID
    0x00380010,  # Admission ID
)
"""Attributes whose value must not stand elsewhere when their own is hidden."""
_SHOWN: Final = frozenset({None, Deed.KEEP, Deed.CLEAN})
_MAX_NAMES: Final = 64  # of one instance; ours: a report names a few dozen
_MAX_NUMBERS: Final = 64


@dataclass(frozen=True, slots=True, repr=False)
class Head:
    """The elements before the pixels; never prints itself."""

    data: bytes
    elements: list[Element]
    encoding: Encoding
    by_tag: dict[int, Element] = field(init=False)
    codecs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_tag", {element.tag: element for element in self.elements})
        object.__setattr__(self, "codecs", codecs_of(decode(self.raw(_CHARACTER_SET), ("ascii",))))

    def __repr__(self) -> str:
        return "Head(…)"

    @property
    def end(self) -> int:
        """Offset behind the last element."""
        return self.elements[-1].end if self.elements else 0

    def raw(self, tag: int) -> bytes:
        """The bytes of a value; none when absent."""
        element = self.by_tag.get(tag)
        return b"" if element is None else self.data[element.value : element.end]

    def text(self, tag: int) -> str:
        """The decoded text of a value, without padding."""
        raw = self.raw(tag)
        return decode(raw, self.codecs, is_name=tag == PATIENT_NAME).strip(" \0") if raw else ""

    def number(self, tag: int) -> int:
        """A value of VR US; 0 when absent."""
        return int.from_bytes(self.raw(tag)[:2], "big" if self.encoding.big_endian else "little")

    def has_hidden_overlay(self) -> bool:
        """Whether an overlay plane lies in unused bits of the pixels (retired in 2004)."""
        planes = (tag for tag in self.by_tag if tag & 0xFFE0FFFF == 0x60000010)
        return any(tag & 0xFFFF0000 | 0x3000 not in self.by_tag for tag in planes)


def subject_of(head: Head, deeds: Deeds, pseudonyms: Pseudonyms) -> Subject:
    """Whom an instance is about."""
    patient_id = head.text(PATIENT_ID) or head.text(PATIENT_NAME)
    names = tuple(sorted(set(_names(head, head.elements)))[:_MAX_NAMES]) if deeds.names is not Deed.KEEP else ()
    hidden = (tag for tag in _NUMBERS if deeds.top.get(tag) not in _SHOWN)
    numbers = {form for tag in hidden for part in head.text(tag).split("\\") for form in _forms(tag, part.strip())}
    safe = frozenset(
        declared_safe(head.data, head.elements, big_endian=head.encoding.big_endian)
        if deeds.others_private is Deed.CLEAN
        else ()
    )
    return Subject(
        patient=pseudonyms.patient(patient_id).encode(),
        shift=pseudonyms.shift(patient_id),
        identity=_identity(names, tuple(sorted(numbers - {""}))[:_MAX_NUMBERS], head.codecs),
        codecs=head.codecs,
        declared_safe=safe,
    )


def _forms(tag: int, value: str) -> Iterable[str]:
    """How a value may be written elsewhere: a day of birth in several ways."""
    yield value
    if tag == _BIRTH_DATE and len(value) == 8 and value.isdigit():
        year, month, day = value[:4], value[4:6], value[6:]
        for separator in ".-/":
            for order in ((year, month, day), (day, month, year), (month, day, year)):
                yield separator.join(order)


def _names(head: Head, elements: Iterable[Element]) -> Iterable[str]:
    """Every person's name, at every depth."""
    for element in elements:
        if element.vr == b"PN" and element.end > element.value:
            text = decode(head.data[element.value : element.end], head.codecs, is_name=True)
            yield from (name.strip(" \0") for name in text.split("\\") if name.strip(" \0^="))
        for item in element.items or ():
            yield from _names(head, item.elements)


@lru_cache(maxsize=64)
def _identity(names: tuple[str, ...], numbers: tuple[str, ...], codecs: tuple[str, ...]) -> Identity:
    return Identity(names, numbers, codecs)
