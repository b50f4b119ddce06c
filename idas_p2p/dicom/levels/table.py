"""PS3.15 Table E.1-1 and the Types it depends on, as facts to look up.

Law: an action that depends on an attribute's Type is what the SOP class needs: where nothing is known of the class,
what the strictest needs. Belongs here: which action the standard names. Not here: doing it (deeds.py), levels
(plan.py).
Source: profile.tsv and types.tsv, made by tools/make_profile_table.py, which names their editions; PS3.15 section E.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final


class Deed(StrEnum):
    """What is done to one attribute; all but the last two are codes of PS3.15 Table E.1-1a."""

    KEEP = "K"
    REMOVE = "X"
    EMPTY = "Z"
    DUMMY = "D"
    CLEAN = "C"
    UID = "U"
    UIDS_INSIDE = "U*"
    PATIENT = "P"  # the pseudonym of the patient
    SHIFT = "S"  # clean a date by moving it


_STRICTEST: Final = 1
_OPTIONAL: Final = 3
_BY_TYPE: Final = {
    "X": (Deed.DUMMY, Deed.REMOVE, Deed.REMOVE),
    "Z": (Deed.DUMMY, Deed.EMPTY, Deed.EMPTY),
    "Z/D": (Deed.DUMMY, Deed.EMPTY, Deed.EMPTY),
    "X/Z": (Deed.DUMMY, Deed.EMPTY, Deed.REMOVE),
    "X/D": (Deed.DUMMY, Deed.DUMMY, Deed.REMOVE),
    "X/Z/D": (Deed.DUMMY, Deed.EMPTY, Deed.REMOVE),
    "X/Z/U*": (Deed.UIDS_INSIDE, Deed.EMPTY, Deed.REMOVE),
}
"""For Types 1, 2 and 3. Z may be a dummy value, and X may not make an object invalid: PS3.15 section E.1.1."""
_OPTION_ORDER: Final = "XCK"  # of two options chosen that differ, the one that tells less


@dataclass(frozen=True, slots=True)
class Row:
    """One row of Table E.1-1: the action of the Basic Profile, and of each option that says otherwise."""

    basic: str
    options: dict[str, str]

    def chosen(self, options: Iterable[str]) -> str:
        """The action once these options are chosen, such as `X/Z` or `K`."""
        said = {self.options[option] for option in options if option in self.options}
        return next((action for action in _OPTION_ORDER if action in said), self.basic)


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, by tag, and those that are about many tags."""

    rows: dict[int, Row]
    curves: Row  # (50xx,xxxx)
    overlays: dict[int, Row]  # (60xx,eeee) by element
    private: Row


@dataclass(frozen=True, slots=True)
class Types:
    """Types of attributes: 1 and 2 where a value or an element must be there, under a condition too; else 3."""

    iods: dict[str, str]  # by SOP Class UID
    top: dict[int, dict[str, int]]  # by tag, by IOD; "*" for all
    nested: dict[tuple[int, int], int]  # by the sequence's tag and the attribute's

    def at_top(self, tag: int, sop_class_uid: str) -> int:
        """Type of an attribute at the top of an instance."""
        types = self.top.get(tag, {})
        iod = self.iods.get(sop_class_uid)
        if iod is None:
            return min(types.values(), default=_OPTIONAL)
        return min(types.get(iod, _OPTIONAL), types.get("*", _OPTIONAL))

    def inside(self, parent: int, tag: int) -> int:
        """Type of an attribute in items of a sequence, of whatever IOD."""
        return self.nested.get((parent, tag), _OPTIONAL)


def resolve(action: str, type_: int) -> Deed:
    """What a possibly combined action means for an attribute of Type 1, 2 or 3."""
    by_type = _BY_TYPE.get(action)
    return Deed(action) if by_type is None else by_type[type_ - _STRICTEST]


@cache
def table() -> Table:
    """Table E.1-1."""
    rows, overlays = dict[int, Row](), dict[int, Row]()
    special = dict[str, Row]()
    for pattern, basic, *options in _lines("profile.tsv"):
        row = Row(basic, dict(_pair(option) for option in options))
        if pattern.startswith("60xx"):
            overlays[int(pattern[4:], 16)] = row
        elif "x" in pattern or pattern == "private":
            special[pattern] = row
        else:
            rows[int(pattern, 16)] = row
    return Table(rows, special["50xxxxxx"], overlays, special["private"])


@cache
def types() -> Types:
    """Types of the attributes whose action depends on them."""
    iods, top, nested = dict[str, str](), dict[int, dict[str, int]](), dict[tuple[int, int], int]()
    for kind, name, *rest in _lines("types.tsv"):
        if kind == "iod":
            iods |= dict.fromkeys(rest, name)
        elif kind == "top":
            top.setdefault(int(name, 16), {}).update(dict.fromkeys(rest[1].split(","), int(rest[0])))
        else:
            nested[int(rest[1], 16), int(name, 16)] = int(rest[0])
    return Types(iods, top, nested)


def _pair(text: str) -> tuple[str, str]:
    name, _, action = text.partition("=")
    return name, action


def _lines(name: str) -> list[list[str]]:
    text = files(__package__).joinpath(name).read_text("ascii")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
