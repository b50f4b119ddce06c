"""Does a study satisfy a query: attribute matching, pure.

Person names match without regard to case, accents and width, in every component group; PS3.4 C.2.2.2.1 leaves that to
us. All other text matches exactly, because two accession numbers may differ in case only. An attribute the study does
not have matches no key.

Belongs here: universal, single value, list of UID, wild card and range matching. Not here: reading the query
(identifiers.py), choosing candidates (store/catalog.py). Source: PS3.4 C.2.2.2, PS3.5 section 6.2.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from idas_p2p.errors import BadQuery
from idas_p2p.wire.query import QueryKey, StudyQuery, date_range
from idas_p2p.wire.study import KEYWORDS, Study
from idas_p2p.wire.terms import fold_name

Test = Callable[[str], bool]
"""Whether one attribute's text satisfies one key."""

_TIME: Final = re.compile(r"([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)?")
_EARLIEST: Final = "000000.000000"
_LATEST: Final = "235960.999999"


def matches(query: StudyQuery, study: Study) -> bool:
    """Whether the study satisfies every key.

    Raises:
        BadQuery: a key's pattern is malformed.
    """
    return matcher(query)(study)


@lru_cache(maxsize=64)
def matcher(query: StudyQuery) -> Callable[[Study], bool]:
    """Prepare a query for matching many studies.

    Raises:
        BadQuery: a key's pattern is malformed, or its keyword is not one of a study.
    """
    tests = [(key.keyword, _test(key)) for key in query.keys]

    def satisfied(study: Study) -> bool:
        return all(test(study.value(keyword)) for keyword, test in tests)

    return satisfied


def time_range(pattern: str) -> tuple[str, str]:
    """First and last moment a time or a range of times covers, both included, as `HHMMSS.FFFFFF`.

    A time of less precision covers all it may mean: `10` is `100000.000000` to `105960.999999`.

    Raises:
        BadQuery: not a time or a range of times, PS3.4 C.2.2.2.5.
    """
    first, dash, last = pattern.replace(":", "").replace(" ", "").partition("-")
    ends = (first, last) if dash else (first, first)
    if not any(ends) or not all(_TIME.fullmatch(end) for end in ends if end):
        raise BadQuery("a time is HHMMSS, a range HHMMSS-HHMMSS with either end left open")
    return ends[0] + _EARLIEST[len(ends[0]) :], _padded_up(ends[1]) if ends[1] else _LATEST


def _padded_up(time: str) -> str:
    return time + "__5960.999999"[len(time) :]


def _test(key: QueryKey) -> Test:
    kind = _TESTS.get(key.keyword, _text_test)
    if key.keyword not in KEYWORDS:
        raise BadQuery(f"unknown key {key.keyword}")
    return kind(key.pattern)


def _text_test(pattern: str) -> Test:
    """Single value or wild card matching, case-sensitive; any of several values may match."""
    if not {"*", "?"} & set(pattern):
        return lambda value: value == pattern or ("\\" in value and pattern in value.split("\\"))
    fits = _wildcard(pattern)
    return lambda value: bool(value) and any(fits(one) for one in value.split("\\"))


def _list_test(pattern: str) -> Test:
    """Any of the study's values equals, or with wild cards matches, any of the key's: UID lists, ModalitiesInStudy."""
    plain = frozenset(one for one in pattern.split("\\") if one and not {"*", "?"} & set(one))
    wild = [_wildcard(one) for one in pattern.split("\\") if {"*", "?"} & set(one)]

    def test(value: str) -> bool:
        return any(one in plain or any(fits(one) for fits in wild) for one in value.split("\\") if one)

    return test


def _date_test(pattern: str) -> Test:
    first, last = date_range(pattern)
    return lambda value: len(value) == 8 and first <= value <= last


def _time_test(pattern: str) -> Test:
    first, last = time_range(pattern)

    def test(value: str) -> bool:
        return bool(_TIME.fullmatch(value)) and first <= value + _EARLIEST[len(value) :] <= last

    return test


def _name_test(pattern: str) -> Test:
    """A key of one group may match any of the name's; one of several groups matches each against its own."""
    groups = _folded(pattern).split("=")
    if len(groups) == 1:
        only = _group_test(groups[0])
        return lambda value: any(only(group) for name in value.split("\\") for group in _folded(name).split("="))
    tests = [(place, _group_test(group)) for place, group in enumerate(groups) if group]

    def test(value: str) -> bool:
        return any(_all_places(tests, _folded(name).split("=")) for name in value.split("\\"))

    return test


def _all_places(tests: list[tuple[int, Test]], groups: list[str]) -> bool:
    return all(place < len(groups) and test(groups[place]) for place, test in tests)


def _group_test(pattern: str) -> Test:
    """One component group, folded; `DOE^*` matches a lone `DOE` too, since the given name may be unknown."""
    carets = pattern.count("^")
    fits = _wildcard(pattern)

    def test(group: str) -> bool:
        return bool(group) and fits(group + "^" * (carets - group.count("^")))

    return test


def _folded(name: str) -> str:
    """As wire.terms folds names, recomposed: a wild card `?` stands for a Hangul syllable, not for a piece of it."""
    return unicodedata.normalize("NFC", fold_name(name))


def _wildcard(pattern: str) -> Test:
    """`*` is any text, `?` any one character, all else itself: PS3.4 C.2.2.2.4.

    Each piece between stars is found at its first place and never looked for again, so that no pattern can make
    the search slow.
    """
    first, *rest = [_piece(piece) for piece in re.split(r"\*+", pattern)]
    if not rest:
        return lambda value: first.fullmatch(value) is not None
    *middle, last = rest
    tail = len(re.split(r"\*+", pattern)[-1])

    def test(value: str) -> bool:
        found = first.match(value)
        for piece in middle:
            found = piece.search(value, found.end()) if found else None
        return found is not None and len(value) - tail >= found.end() and bool(last.match(value, len(value) - tail))

    return test


def _piece(text: str) -> re.Pattern[str]:
    """Text in which only `?` has a meaning."""
    return re.compile(".".join(re.escape(part) for part in text.split("?")), re.DOTALL)


_TESTS: Final[dict[str, Callable[[str], Test]]] = {
    "StudyInstanceUID": _list_test,
    "ModalitiesInStudy": _list_test,
    "StudyDate": _date_test,
    "PatientBirthDate": _date_test,
    "StudyTime": _time_test,
    "PatientName": _name_test,
    "ReferringPhysicianName": _name_test,
}
