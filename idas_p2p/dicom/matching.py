"""Does a study satisfy a query: attribute matching, pure.

Person names match without regard to case, accents and width, in every component group; PS3.4 C.2.2.2.1 leaves that to
us. All other text matches exactly, because two accession numbers may differ in case only. An attribute the study does
not have matches no key.

Belongs here: universal, single value, list of UID, wild card, range and sequence matching. Not here: reading the query
(identifiers.py), which key matches how (query_keys.py), choosing candidates (store/catalog.py).
Source: PS3.4 C.2.2.2, PS3.5 section 6.2.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from idas_p2p.dicom.fuzzy import fuzzy_test
from idas_p2p.dicom.query_keys import BY_KEYWORD, Match
from idas_p2p.errors import BadQuery
from idas_p2p.wire.query import QueryKey, StudyQuery, date_range
from idas_p2p.wire.study import KEYWORDS, Study
from idas_p2p.wire.terms import fold_name

Test = Callable[[str], bool]
"""Whether one attribute's text satisfies one key."""

_PATIENT: Final = "PatientName"
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
    if unknown := [key.keyword for key in query.keys if key.keyword not in KEYWORDS]:
        raise BadQuery(f"unknown key {unknown[0]}")
    tests = [(key.keyword, _test(key)) for key in query.keys if not (query.fuzzy_names and key.keyword == _PATIENT)]
    if query.fuzzy_names and (pattern := query.pattern(_PATIENT)):
        tests.append((_PATIENT, fuzzy_test(pattern)))

    def satisfied(study: Study) -> bool:
        return all(test(study.value(keyword)) for keyword, test in tests)

    return satisfied


@lru_cache(maxsize=64)
def part_matcher(keys: tuple[QueryKey, ...]) -> Callable[[Mapping[str, str]], bool]:
    """Prepare keys for matching many series or instances, given as text by keyword (wire/parts.py).

    Keys inside one sequence must all match in one and the same item, PS3.4 C.2.2.2.6.

    Raises:
        BadQuery: a key's pattern is malformed, or its keyword is not known.
    """
    plain = [(key.keyword, _test(key)) for key in keys if "." not in key.keyword]
    inside: dict[str, list[tuple[str, Test]]] = {}
    for key in keys:
        if "." in key.keyword:
            inside.setdefault(key.keyword.partition(".")[0], []).append((key.keyword, _test(key)))

    def satisfied(values: Mapping[str, str]) -> bool:
        return all(test(values.get(keyword, "")) for keyword, test in plain) and all(
            _some_item(tests, values) for tests in inside.values()
        )

    return satisfied


def _some_item(tests: list[tuple[str, Test]], values: Mapping[str, str]) -> bool:
    columns = [values.get(keyword, "").split("\\") for keyword, _ in tests]
    items = zip(*columns, strict=False) if len({len(column) for column in columns}) == 1 else ()
    return any(all(test(value) for (_, test), value in zip(tests, item, strict=True)) for item in items)


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


def time_of(value: str) -> str | None:
    """A study's time as `HHMMSS.FFFFFF`, what it does not say taken for zero; None when it is none."""
    return value + _EARLIEST[len(value) :] if _TIME.fullmatch(value) else None


def _padded_up(time: str) -> str:
    return time + "__5960.999999"[len(time) :]


def _test(key: QueryKey) -> Test:
    known = BY_KEYWORD.get(key.keyword)
    if known is None or known.match is Match.RETURNED:
        raise BadQuery(f"unknown key {key.keyword}")
    return _TESTS[known.match](key.pattern)


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
        moment = time_of(value)
        return moment is not None and first <= moment <= last

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


def _number_test(pattern: str) -> Test:
    """Whole numbers match by value, whatever zeros lead; anything else as text does."""
    wanted = _number(pattern)
    if wanted is None:
        return _text_test(pattern)
    return lambda value: any(_number(one) == wanted for one in value.split("\\"))


def _number(text: str) -> int | None:
    """What an Integer String of at most 12 characters says (PS3.5 section 6.2); None when it is none."""
    digits = text.strip()
    return int(digits) if len(digits) <= 12 and digits.isascii() and digits.isdecimal() else None


_TESTS: Final[dict[Match, Callable[[str], Test]]] = {
    Match.TEXT: _text_test,
    Match.UIDS: _list_test,
    Match.CODES: _list_test,
    Match.NAME: _name_test,
    Match.DATE: _date_test,
    Match.TIME: _time_test,
    Match.NUMBER: _number_test,
}
