"""Private elements: which are known to tell nothing, and which are known to carry a person's name or address.

Law: a private element is named by its creator, group and the low byte of its number, wherever its block is reserved.
Belongs here: these facts. Not here: what is done about them (deeds.py).
Source: PS3.5 section 7.8; safe ones PS3.15 Table E.3.10-1 (safe_private.tsv) and what an object says of itself, PS3.3
section C.12.1.1.7; names from pydicom's dictionary of private elements.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final

from pydicom.datadict import private_dictionaries

from idas_p2p.dicom.levels.tree import Element

Private = tuple[str, int, int]
"""Creator, group, low byte of the element number."""

CHARACTERISTICS: Final = 0x00080300  # Private Data Element Characteristics Sequence
_GROUP, _CREATOR, _STATUS, _SAFE_ELEMENTS = 0x00080301, 0x00080302, 0x00080303, 0x00080304
_PERSONAL: Final = re.compile(
    r"patient.?s? ?name|patient.?object ?name|physician|operators?.?s? ?name|radiologist|technologist|technician"
    r"|phone|telecom|(?<!ip )address|person|referr|user ?name|referring|owner",
    re.IGNORECASE,
)


def private_of(element: Element, creators: dict[int, str]) -> Private:
    """What a private element is, by the creators of its siblings."""
    tag = element.tag
    return creators.get(tag >> 8 & 0xFFFFFF, ""), tag >> 16, tag & 0xFF


def creators_of(data: bytes, siblings: Iterable[Element]) -> dict[int, str]:
    """Private creators by group and block of the elements they reserve."""
    return {
        element.tag >> 16 << 8 | element.tag & 0xFF: data[element.value : element.end].decode("latin_1").strip(" \0")
        for element in siblings
        if element.tag >> 16 & 1 and 0x10 <= element.tag & 0xFFFF <= 0xFF
    }


def is_creator(tag: int) -> bool:
    """Whether an element of an odd group reserves a block."""
    return 0x10 <= tag & 0xFFFF <= 0xFF


@cache
def safe() -> frozenset[Private]:
    """What the standard knows to be safe."""
    return frozenset(name for name, _ in _safe_rows())


@cache
def safe_uids() -> frozenset[Private]:
    """Those of them that are UIDs, whatever VR is written: they lead back like all others."""
    return frozenset(name for name, kind in _safe_rows() if kind == ["U"])


def _safe_rows() -> Iterable[tuple[Private, list[str]]]:
    for line in files(__package__).joinpath("safe_private.tsv").read_text("ascii").splitlines():
        if not line.startswith("#"):
            creator, group, spans, *kind = line.split("\t")
            yield from (((creator, int(group, 16), number), kind) for number in _numbers(spans))


def _numbers(spans: str) -> Iterable[int]:
    """Numbers written as `01,10-1f`."""
    for span in spans.split(","):
        first, _, last = span.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


@cache
def sequences() -> frozenset[Private]:
    """Safe ones that are sequences, which must be looked into before they are kept."""
    known = ((name, private_dictionaries.get(name[0], {}).get(f"{name[1]:04X}xx{name[2]:02X}")) for name in safe())
    return frozenset(name for name, entry in known if entry is not None and entry[0] == "SQ")


@cache
def personal() -> frozenset[Private]:
    """What is known to carry names or addresses of people."""
    return frozenset(
        (creator, int(pattern[:4], 16), int(pattern[-2:], 16))
        for creator, entries in private_dictionaries.items()
        for pattern, entry in entries.items()
        if "xx" in pattern[4:6] and (entry[0] == "PN" or _PERSONAL.search(entry[2]))
    )


def declared_safe(data: bytes, elements: Iterable[Element], *, big_endian: bool) -> frozenset[Private]:
    """What an object says of its own private elements."""
    found = set[Private]()
    for sequence in elements:
        if sequence.tag != CHARACTERISTICS:
            continue
        for item in sequence.items or ():
            raw = {one.tag: data[one.value : one.end] for one in item.elements}
            numbers: Iterable[int] = _words(raw.get(_SAFE_ELEMENTS, b""), big_endian=big_endian)
            if raw.get(_STATUS, b"").strip(b" \0") == b"SAFE":
                numbers = range(0x100)
            group = next(iter(_words(raw.get(_GROUP, b""), big_endian=big_endian)), 0)
            creator = raw.get(_CREATOR, b"").decode("latin_1").strip(" \0")
            found |= {(creator, group, number & 0xFF) for number in numbers}
    return frozenset(found)


def _words(raw: bytes, *, big_endian: bool) -> list[int]:
    """Values of VR US."""
    return [number for (number,) in struct.iter_unpack(">H" if big_endian else "<H", raw[: len(raw) // 2 * 2])]
