"""What became of a planted object at a level, in the ten classes of the MIDI-B benchmark.

Law: the object is read with pydicom, and what must have become of an attribute follows from PS3.15 Table E.1-1 or, at
obscured, from docs/spec/levels.md section 2: not from the engine's plan. Belongs here: right or wrong. Not here: what
is planted (planting.py), printing (__main__.py).
Source of the classes: MIDI-B challenge, "Medical Image De-Identification Benchmark", 2024.
"""

from __future__ import annotations

import datetime
import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pydicom
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from idas_p2p.dicom.convert import inflated
from idas_p2p.dicom.levels.table import table, types
from idas_p2p.dicom.part10 import write_part10
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.level import Base, Level
from tools.check_levels.planting import NAMES, TEXTS, Planted

TEXT_VRS: Final = frozenset({"SH", "LO", "ST", "LT", "UT", "UC", "CS", "DS", "IS", "AE"})
_PERSONAL: Final = re.compile(r"Address|Telephone|Telecom|Phone|Identification(Code)?Sequence|HumanPerformerCode")
_MARKS: Final = frozenset({0x00080005, 0x00120062, 0x00120063, 0x00120064, 0x00280301, 0x00280303})
_ASIDE: Final = frozenset({0x5000, 0x6000, 0x6002})  # curves and overlays: judged by what they say alone
_PIXELS: Final = 0x7FE00010
_CODING: Final = frozenset({0x00280004, 0x00280006, 0x7FE00001, 0x7FE00002})  # change with the coding of pixels
_UID: Final = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_WORD: Final = re.compile(r"[^\W_]{3,}")
Path = tuple[int, ...]


class Class(StrEnum):
    """Classes of the benchmark."""

    TAG_RETAINED = "tag retained"
    TEXT_RETAINED = "text retained"
    TEXT_REMOVED = "text removed"
    TEXT_NOT_NULL = "text not null"
    DATE_SHIFTED = "date shifted"
    UID_CHANGED = "uid changed"
    UID_CONSISTENT = "uid consistent"
    PATIENT_CONSISTENT = "patient id consistent"
    PIXELS_HIDDEN = "pixels hidden"
    PIXELS_RETAINED = "pixels retained"


@dataclass(slots=True)
class Book:
    """What was seen so far at one level, to tell whether the next agrees; and the score."""

    level: Level
    right: Counter[Class] = field(default_factory=Counter)
    wrong: list[tuple[Class, str, str]] = field(default_factory=list)  # class, file, place
    uids: dict[str, str] = field(default_factory=dict)
    originals: dict[str, str] = field(default_factory=dict)
    patients: dict[str, tuple[str, str, int | None]] = field(default_factory=dict)
    refused: int = 0  # images whose pixels cannot be cleaned, which are not shown

    def score(self, kind: Class, is_right: bool, file: str, place: object) -> None:
        """Count one finding."""
        if is_right:
            self.right[kind] += 1
        else:
            self.wrong.append((kind, file, str(place)))


def read(instance: Instance) -> tuple[bytes, Dataset]:
    """Everything that leaves the node as a file, in lower case and inflated; and what pydicom reads of it."""
    file = io.BytesIO()
    write_part10(instance, file)
    raw = file.getvalue()
    if instance.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
        raw += inflated(instance.data.read())
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(file)
        ds.decode()
    return raw.lower(), ds


def judge(book: Book, planted: Planted, instance: Instance) -> None:
    """Look at one object as the level shows it."""
    raw, after = read(instance)
    judge_ = _Judge(book, planted, after)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judge_.bytes(raw)
        judge_.elements()
        judge_.patient()


def judge_pixels(book: Book, planted: Planted, instance: Instance | None, rows: int) -> None:
    """Look at an image whose first rows a template blanks; None when it was refused.

    What cannot be decoded at all is not looked at.
    """
    before = _pixels(planted.dataset)
    if instance is None:
        book.refused += 1
        return
    if before is None:
        return
    after, name = _pixels(read(instance)[1]), planted.path.name
    same = after is not None and after.shape == before.shape
    top = _top(after, planted.dataset, rows) if same else None
    is_hidden = top is not None and bool((top == top[:, :1, :1]).all())  # of one colour, whatever that is
    book.score(Class.PIXELS_HIDDEN, is_hidden, name, "first rows")
    rest = slice(rows, None)
    kept = same and bool((_below(after, planted.dataset, rest) == _below(before, planted.dataset, rest)).all())
    book.score(Class.PIXELS_RETAINED, kept, name, "other rows")


def _pixels(ds: Dataset) -> np.ndarray[Any, Any] | None:
    """Decoded as they are stored, and colour of one form: as it is shown."""
    try:
        is_shown = str(ds.PhotometricInterpretation).startswith("YBR_FULL")
        return pydicom.pixels.pixel_array(ds, raw=not is_shown)  # type: ignore[no-any-return]
    except Exception:
        return None


def _by_rows(pixels: np.ndarray[Any, Any], ds: Dataset) -> np.ndarray[Any, Any]:
    """Frames, rows, columns, samples."""
    return pixels.reshape((-1, int(ds.Rows), int(ds.Columns), int(ds.SamplesPerPixel)))


def _top(pixels: Any, ds: Dataset, rows: int) -> np.ndarray[Any, Any]:
    return _by_rows(pixels, ds)[:, :rows]


def _below(pixels: Any, ds: Dataset, rest: slice) -> np.ndarray[Any, Any]:
    return _by_rows(pixels, ds)[:, rest]


class _Judge:
    """One object at one level."""

    def __init__(self, book: Book, planted: Planted, after: Dataset) -> None:
        self._book, self._planted, self._after = book, planted, dict(_walk(after))
        self._whole, self._syntax = after, planted.dataset.file_meta.TransferSyntaxUID
        self._person, self._level = planted.person, book.level
        self._obscured = self._level.base is Base.OBSCURED
        names = (str(element.value) for _, element in _walk(planted.dataset) if element.VR == "PN")
        self._others = {word for name in names for word in _WORD.findall(name.casefold())}
        self._needles = planted.person.needles(names_only=self._obscured)
        self._rows = (
            {} if self._obscured else {tag: row.chosen(self._level.options) for tag, row in table().rows.items()}
        )

    def _score(self, kind: Class, is_right: bool, place: object) -> None:
        self._book.score(kind, is_right, self._planted.path.name, place)

    def bytes(self, raw: bytes) -> None:
        """No name is in the file, wherever."""
        for needle in self._needles:
            self._score(Class.TEXT_REMOVED, needle not in raw, f"bytes: {needle!r}")

    def elements(self) -> None:
        """Every element of the planted object."""
        for path, before in _walk(self._planted.dataset):
            after = self._after.get(path)
            if self._says(before):
                self._score(Class.TEXT_REMOVED, after is None or not self._says(after), _place(path))
            elif self._is_kept(path, before):
                self._score(Class.TAG_RETAINED, after is not None, _place(path))
                if before.VR in TEXT_VRS and before.value not in (None, "", []) and not self._is_of_others(before):
                    self._score(Class.TEXT_RETAINED, after is not None and after.value == before.value, _place(path))
            if path[-1] == _PIXELS and len(path) == 1:
                self._score(Class.PIXELS_RETAINED, self._are_kept(before, after), "pixels")
            self._by_action(path, before, after)

    def _are_kept(self, before: DataElement, after: DataElement | None) -> bool:
        """Whether pixels are the same: byte for byte, or at least decoded where their coding named the person."""
        if after is None or after.value == before.value or not self._says(before):
            return after is not None and after.value == before.value
        old, new = _pixels(self._planted.dataset), _pixels(self._whole)
        return old is not None and new is not None and bool((old.ravel() == new.ravel()).all())

    def _by_action(self, path: Path, before: DataElement, after: DataElement | None) -> None:
        tag, has_value = path[-1], before.value not in (None, "", [])
        is_reached = all(one not in self._rows and not one >> 16 & 1 for one in path[:-1:2])
        action = self._rows.get(tag, "") if is_reached else ""
        if before.VR == "UI" and action == "U" and has_value:
            self._uids(path, before, after)
        if before.VR in ("DA", "DT") and action == "C" and _day(before) is not None:
            self._date(path, before, after)
        if len(path) == 1 and before.VR in TEXT_VRS | {"PN"} and has_value and self._must_speak(tag, action):
            said = str(after.value if after is not None else "")
            self._score(Class.TEXT_NOT_NULL, bool(said.strip()), _place(path))
            if action == "C" and keyword_for_tag(tag) in TEXTS and "seen" in str(before.value):
                self._score(Class.TEXT_RETAINED, "seen" in said and "here" in said, _place(path))

    def _must_speak(self, tag: int, action: str) -> bool:
        """Whether a value must be there: D, what was cleaned, and what the object's IOD cannot do without."""
        if self._obscured:
            return tag == 0x00100010
        type_ = types().at_top(tag, str(self._planted.dataset.SOPClassUID))
        return action in ("D", "C") or (action in ("Z/D", "X/D", "X/Z/D") and type_ == 1)

    def _is_kept(self, path: Path, element: DataElement) -> bool:
        """Whether the standard lets it stay, and nothing around it is taken away."""
        tags = path[::2]
        if any(tag in self._rows or tag >> 16 & 1 or tag >> 16 in _ASIDE or tag in _MARKS for tag in tags):
            return False
        if self._obscured and any(_PERSONAL.search(keyword_for_tag(tag)) for tag in tags):
            return False
        if path[-1] in _CODING and self._whole.file_meta.TransferSyntaxUID != self._syntax:
            return False
        if element.VR in ("PN", "SQ") or not path[-1] & 0xFFFF:
            return False
        return keyword_for_tag(path[-1]) not in NAMES

    def _says(self, element: DataElement) -> bool:
        """Whether a value holds something of the person."""
        if element.VR == "SQ" or element.value is None:
            return False
        value = element.value
        raw = bytes(value) if isinstance(value, bytes | bytearray) else str(value).encode()
        return any(needle in raw.lower() for needle in self._needles)

    def _is_of_others(self, element: DataElement) -> bool:
        """Whether a value has a word of somebody else's name in the object, which goes as well."""
        return bool(self._others & set(_WORD.findall(str(element.value).casefold())))

    def _uids(self, path: Path, before: DataElement, after: DataElement | None) -> None:
        olds, news = _several(before), _several(after) if after is not None else []
        for number, old in enumerate(olds):
            new = news[number] if number < len(news) else ""
            if not old or old.startswith("1.2.840.10008."):
                continue
            is_new = new != old and len(new) <= 64 and bool(_UID.fullmatch(new))
            self._score(Class.UID_CHANGED, is_new, _place(path))
            agrees = self._book.uids.setdefault(old, new) == new and self._book.originals.setdefault(new, old) == old
            self._score(Class.UID_CONSISTENT, agrees, _place(path))

    def _date(self, path: Path, before: DataElement, after: DataElement | None) -> None:
        old, new = _day(before), _day(after)
        days = (new - old).days if old and new else None
        known = self._book.patients.get(self._person.number)
        if known is None or known[2] is None:
            name, number = (known or ("", "", None))[:2]
            self._book.patients[self._person.number] = (name, number, days)
            known = self._book.patients[self._person.number]
        self._score(Class.DATE_SHIFTED, bool(days) and days == known[2], _place(path))

    def patient(self) -> None:
        """One patient is one, and no other."""
        name, number = (str(self._after[(tag,)].value) for tag in (0x00100010, 0x00100020))
        known = self._book.patients.get(self._person.number, ("", "", None))
        mine = (name, number) if not known[0] else known[:2]
        self._book.patients[self._person.number] = (*mine, known[2])
        others = [one for who, one in self._book.patients.items() if who != self._person.number]
        agrees = (name, number) == mine and all(number != other[1] and name != other[0] for other in others)
        self._score(Class.PATIENT_CONSISTENT, agrees, "patient")


def _walk(ds: Dataset, above: Path = ()) -> Iterator[tuple[Path, DataElement]]:
    """Every element by the tags and item numbers that lead to it."""
    for element in ds:
        path = (*above, int(element.tag))
        yield path, element
        if element.VR == "SQ":
            for number, one in enumerate(element.value or ()):
                yield from _walk(one, (*path, number))


def _several(element: DataElement) -> list[str]:
    return [str(one) for one in (element.value if element.VM > 1 else [element.value])]


def _day(element: DataElement | None) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(str(element.value)[:8]) if element is not None else None
    except ValueError:
        return None


def _place(path: Path) -> str:
    return " > ".join(f"({tag >> 16:04x},{tag & 0xFFFF:04x}) {keyword_for_tag(tag)}".strip() for tag in path[::2])
