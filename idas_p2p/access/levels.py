"""The levels there are: four that are built in, and those a hospital defines for its law or for a project.

    [levels.research]
    base = "deidentified"
    options = ["clean-descriptors", "retain-long-modified-dates"]
    project = "liver-2026"
    keep = ["StudyDescription"]
    burned_in = "refuse"
    [[levels.research.regions]]
    modality = "US"
    boxes = [[0, 0, 800, 60]]

Law: what is written is understood in full or refused; no level of a hospital's own is weaker by mistake than its base.
Belongs here: names and definitions. Not here: who gets which (policy.py), what they do (dicom/levels/).
Source: docs/spec/levels.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.level import Action, Base, BurnedIn, Level, Option, Region

FULL: Final = Level(name="full", base=Base.FULL)
OBSCURED: Final = Level(name="obscured", base=Base.OBSCURED)
DEIDENTIFIED: Final = Level(name="deidentified", base=Base.DEIDENTIFIED)
NONE: Final = Level(name="none", base=Base.NONE)
BUILT_IN: Final[Mapping[str, Level]] = {level.name: level for level in (FULL, OBSCURED, DEIDENTIFIED, NONE)}

MAX_LEVELS: Final = 256  # of one node; ours
MAX_ACTIONS: Final = 1_024  # of one level; ours
MAX_REGIONS: Final = 256  # of one level; ours
MAX_BOXES: Final = 64  # of one region; ours
MAX_SIDE: Final = 65_535  # pixels; Rows and Columns have VR US
E = TypeVar("E", bound=StrEnum)
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,22}")  # with its digest it fits a ticket's level, 32 characters
_UID_ROOT: Final = re.compile(r"[0-2](\.(0|[1-9]\d{0,15})){1,8}")
_KEYS: Final = frozenset({"base", "options", "hides_ids", "project", "domain", "uid_root", "regions", "burned_in"})
_OBSCURED_ONLY: Final = frozenset({"hides_ids"})
_DEIDENTIFIED_ONLY: Final = frozenset({"options", "uid_root", "regions", "burned_in"})


class Levels:
    """The levels of one node by name.

    Args:
        own: those it defines itself.

    Raises:
        BadConfiguration: too many, or two of one name.
    """

    def __init__(self, own: Iterable[Level] = ()) -> None:
        self._by_name = dict(BUILT_IN)
        for level in own:
            if level.name in self._by_name:
                raise BadConfiguration(f"level {level.name!r} is defined twice")
            self._by_name[level.name] = level
        if len(self._by_name) > MAX_LEVELS:
            raise BadConfiguration(f"a node has at most {MAX_LEVELS} levels")

    def __iter__(self) -> Iterator[Level]:
        """Every level."""
        return iter(self._by_name.values())

    def get(self, name: str) -> Level:
        """The level an operator means.

        Raises:
            BadConfiguration: there is none of this name.
        """
        level = self._by_name.get(name)
        if level is None:
            raise BadConfiguration(f"level {name!r}: known are {', '.join(self._by_name)}")
        return level


def parse_level(name: str, table: Mapping[str, Any]) -> Level:
    """Read a level of a hospital's own.

    Args:
        name: what rules call it.
        table: its keys as in the example above.

    Raises:
        BadConfiguration: a key or value that means nothing here; the detail says which.
    """
    if not _NAME.fullmatch(name) or name in BUILT_IN:
        raise BadConfiguration(f"level {name!r}: a level of your own has a name of its own, of a-z, 0-9, _ and -")
    known = _KEYS | set(Action)
    if unknown := sorted(set(table) - known):
        raise BadConfiguration(f"level {name}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
    base = _choice(name, "base", table.get("base", ""), Base)
    if base is Base.NONE:
        raise BadConfiguration(f"level {name}: base none shows nothing; name none itself in the rule")
    for keys, needed in ((_OBSCURED_ONLY, Base.OBSCURED), (_DEIDENTIFIED_ONLY, Base.DEIDENTIFIED)):
        if (wrong := sorted(keys & set(table))) and base is not needed:
            raise BadConfiguration(f"level {name}: {wrong[0]} goes with base {needed} only")
    options = frozenset(_choice(name, "options", text, Option) for text in _list(name, "options", table))
    if {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES} <= options:
        raise BadConfiguration(f"level {name}: dates are kept in full or modified, not both")
    return Level(
        name=name,
        base=base,
        options=options,
        actions=_actions(name, table),
        hides_ids=_flag(name, "hides_ids", table),
        project=_text(name, "project", table),
        domain=_text(name, "domain", table),
        uid_root=_uid_root(name, table),
        regions=_regions(name, table),
        burned_in=_choice(name, "burned_in", table.get("burned_in", "refuse"), BurnedIn),
    )


def _actions(name: str, table: Mapping[str, Any]) -> tuple[tuple[str, Action], ...]:
    found = [(text, action) for action in Action for text in _list(name, action, table)]
    if len(found) > MAX_ACTIONS:
        raise BadConfiguration(f"level {name}: at most {MAX_ACTIONS} attributes can be named")
    seen = set[str]()
    for text, _ in found:
        if text in seen:
            raise BadConfiguration(f"level {name}: {text} is named twice")
        seen.add(text)
    return tuple(sorted(found))


def _regions(name: str, table: Mapping[str, Any]) -> tuple[Region, ...]:
    given = table.get("regions", [])
    if not isinstance(given, list) or len(given) > MAX_REGIONS:
        raise BadConfiguration(f"level {name}: regions is a list of at most {MAX_REGIONS} tables")
    return tuple(_region(name, one) for one in given)


def _region(name: str, given: Any) -> Region:
    texts, numbers = ("modality", "manufacturer", "model"), ("rows", "columns")
    if not isinstance(given, dict) or not set(given) <= {*texts, *numbers, "boxes"}:
        raise BadConfiguration(f"level {name}: a region has {', '.join((*texts, *numbers))} and boxes")
    boxes = given.get("boxes")
    if not isinstance(boxes, list) or len(boxes) > MAX_BOXES or not all(map(_is_box, boxes)):
        raise BadConfiguration(f"level {name}: boxes is a list of [x, y, width, height] in pixels")
    if not any(given.get(key) for key in texts):
        raise BadConfiguration(f"level {name}: a region names a modality, manufacturer or model")
    rows, columns = (given.get(key, 0) for key in numbers)
    if not _is_side(rows) or not _is_side(columns):
        raise BadConfiguration(f"level {name}: rows and columns are numbers of pixels")
    modality, manufacturer, model = (_text(name, key, given) for key in texts)
    places = tuple((x, y, width, height) for x, y, width, height in boxes)
    return Region(boxes=places, modality=modality, manufacturer=manufacturer, model=model, rows=rows, columns=columns)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SIDE


def _is_box(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(map(_is_side, box))


def _uid_root(name: str, table: Mapping[str, Any]) -> str:
    root = _text(name, "uid_root", table) or "2.25"
    if not _UID_ROOT.fullmatch(root) or len(root) > 32 or root.startswith("1.2.840.10008"):
        raise BadConfiguration(f"level {name}: uid_root is a UID root of yours, at most 32 characters, or 2.25")
    return root


def _choice(name: str, key: str, text: Any, kind: type[E]) -> E:
    try:
        return kind(text)
    except ValueError:
        raise BadConfiguration(f"level {name}: {key} {text!r}: known are {', '.join(map(str, kind))}") from None


def _list(name: str, key: str, table: Mapping[str, Any]) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadConfiguration(f"level {name}: {key} is a list of texts")
    return value


def _text(name: str, key: str, table: Mapping[str, Any]) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or len(value) > 64 or not value.isprintable():
        raise BadConfiguration(f"level {name}: {key} is a text of at most 64 characters")
    return value


def _flag(name: str, key: str, table: Mapping[str, Any]) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise BadConfiguration(f"level {name}: {key} is true or false")
    return value
