"""Which rows of the catalog a query can match at all: a superset, found by index.

Whoever asks filters exactly afterwards (dicom/matching.py). To lose nothing whatever the exact rules about case,
accents and component groups are, both sides are folded, patterns are cut at their first wild card, and values of an
odd form carry ODD as key, which every condition accepts.

Belongs here: search keys of a study, conditions of a query. Not here: reading rows (search.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, and_, or_

from idas_p2p.store.rows import storable
from idas_p2p.store.tables import studies
from idas_p2p.wire.query import StudyQuery, date_range
from idas_p2p.wire.study import Study
from idas_p2p.wire.terms import BETWEEN_WORDS, fold, fold_name, name_words

ODD: Final = "\\"  # several values, too many groups, no date: any pattern may match
GROUPS: Final = 3  # alphabetic, ideographic, phonetic: PS3.5 section 6.2.1
_NAMES: Final = (studies.c.name_1, studies.c.name_2, studies.c.name_3)
_WILDCARDS: Final = "*?"
_LAST_CODE_POINT: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


def search_keys(study: Study) -> dict[str, str | None]:
    """The values of the columns a study is searched by."""
    groups = _groups(study.patient_name)
    return {
        "patient_key": _text_key(study.patient_id),
        "accession_key": _text_key(study.accession_number),
        "name_1": groups[0] or "",
        "name_2": groups[1],
        "name_3": groups[2],
        "day": _day(study.study_date),
    }


def conditions(query: StudyQuery) -> list[ColumnElement[bool]]:
    """Conditions every matching study meets; empty when no key of the query narrows the search.

    Raises:
        BadQuery: the study date is not a date or range.
    """
    found = [
        _uid_condition(query.pattern("StudyInstanceUID")),
        _text_condition(studies.c.patient_key, query.pattern("PatientID")),
        _text_condition(studies.c.accession_key, query.pattern("AccessionNumber")),
        _name_condition(query),
        _date_condition(query.pattern("StudyDate")),
    ]
    return [condition for condition in found if condition is not None]


def fragments(query: StudyQuery) -> list[ColumnElement[bool]]:
    """Conditions every matching study meets that no index answers: the longest fixed part of a pattern is contained.

    Only for patterns that begin with a wild card; for others there is a better one.
    """
    found = [
        _fragment_condition((studies.c.patient_key,), fold(storable(query.pattern("PatientID")))),
        _fragment_condition((studies.c.accession_key,), fold(storable(query.pattern("AccessionNumber")))),
        None if query.fuzzy_names else _fragment_condition(_NAMES, fold_name(storable(query.pattern("PatientName")))),
    ]
    return [condition for condition in found if condition is not None]


def _fragment_condition(columns: Sequence[Column[Any]], folded: str) -> ColumnElement[bool] | None:
    if not folded.startswith(tuple(_WILDCARDS)) or "\\" in folded or "=" in folded:
        return None
    fragment = max((part.rstrip("^ ").lstrip() for part in re.split("[*?]", folded)), key=len)
    if not fragment:
        return None
    return or_(*(column.contains(fragment, autoescape=True) for column in columns), columns[0] == ODD)


def _uid_condition(pattern: str) -> ColumnElement[bool] | None:
    uids = [storable(uid) for uid in pattern.split("\\") if uid.strip()]
    if not uids or any(wildcard in pattern for wildcard in _WILDCARDS):
        return None
    return studies.c.study_uid.in_({*uids, *(uid.strip() for uid in uids)})


def _text_condition(column: Column[Any], pattern: str) -> ColumnElement[bool] | None:
    if not pattern or "\\" in pattern:
        return None
    folded = fold(storable(pattern))
    fixed = _until_wildcard(folded)
    if fixed == folded:
        return column.in_([folded, ODD])
    return or_(starts_with(column, fixed.rstrip()), column == ODD) if fixed.strip() else None


def _name_condition(query: StudyQuery) -> ColumnElement[bool] | None:
    """The first group given must start one of the study's: keys of one group match any, of several each its own.

    Of a name that need only be alike, the family name begins with the letter of one of the key's words.
    """
    pattern = query.pattern("PatientName")
    if "\\" in pattern:
        return None
    if query.fuzzy_names:
        letters = sorted({word[0] for word in name_words(storable(pattern))})
        letters += BETWEEN_WORDS if letters else ""  # a group may begin with what is no word
        begins = [starts_with(column, letter) for column in _NAMES for letter in letters]
        return or_(*begins, studies.c.name_1 == ODD) if letters else None
    group = next(filter(None, fold_name(storable(pattern)).split("=")), "")
    fixed = _until_wildcard(group).rstrip("^ ")  # `DOE^*` may match a lone `DOE`
    if not fixed:
        return None
    return or_(*(starts_with(column, fixed) for column in _NAMES), studies.c.name_1 == ODD)


def _date_condition(pattern: str) -> ColumnElement[bool] | None:
    if not pattern:
        return None
    first, last = date_range(pattern)
    return or_(in_window(first, last), studies.c.day == ODD)


def starts_with(column: Column[Any], prefix: str) -> ColumnElement[bool]:
    """A range in code point order, which an index answers on every database; LIKE does not.

    Args:
        column: compared by code point.
        prefix: not empty.
    """
    after = _successor(prefix)
    return and_(column >= prefix, column < after) if after else column >= prefix


def _successor(prefix: str) -> str:
    """The least text above every text that starts with `prefix`; empty when there is none."""
    head = prefix.rstrip(chr(_LAST_CODE_POINT))
    if not head:
        return ""
    code = ord(head[-1]) + 1
    return head[:-1] + chr(_SURROGATES.stop if code in _SURROGATES else code)


def _until_wildcard(text: str) -> str:
    return text[: min((text.find(wildcard) for wildcard in _WILDCARDS if wildcard in text), default=len(text))]


def _text_key(value: str) -> str:
    return ODD if "\\" in value else fold(storable(value))


def _groups(name: str) -> list[str | None]:
    groups: list[str | None] = [group or None for group in fold_name(storable(name)).split("=")]
    if "\\" in name or len(groups) > GROUPS:
        return [ODD, None, None]
    return groups + [None] * (GROUPS - len(groups))


def _day(date: str) -> str:
    if not date:
        return ""
    return date if len(date) == 8 and date.isascii() and date.isdigit() else ODD


def in_window(first: str, last: str) -> ColumnElement[bool]:
    """Studies of these days, both included."""
    return and_(studies.c.day >= first, studies.c.day <= last)


def undated() -> ColumnElement[bool]:
    """Studies no window of dates finds."""
    return studies.c.day.in_(["", ODD])
