"""A study-level query: which attributes must match what.

Belongs here: the value, its parsing from DICOM keywords, its limits. Not here: matching (dicom/matching.py).
Source: PS3.4 C.2.2.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from idas_p2p.errors import BadQuery
from idas_p2p.wire.schema import Limit
from idas_p2p.wire.study import KEYWORDS

_DATE_RANGE = re.compile(r"([0-9]{8})?(?:(-)([0-9]{8})?)?")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QueryKey:
    """One attribute and the matching text it must satisfy; never prints itself."""

    keyword: Annotated[str, Limit(1, 64)]
    pattern: Annotated[str, Limit(1, 16_384)]

    def __repr__(self) -> str:
        return f"QueryKey({self.keyword}, …)"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyQuery:
    """Keys that must all match, sorted by keyword; no key means every study."""

    keys: Annotated[tuple[QueryKey, ...], Limit(0, 32)] = ()
    fuzzy_names: bool = False  # whether the patient's name need only be like its key: dicom/fuzzy.py

    @classmethod
    def of(cls, patterns: Mapping[str, str], *, fuzzy_names: bool = False) -> StudyQuery:
        """Build a query from DICOM keywords; empty patterns and a lone `*` match everything and are dropped.

        Raises:
            BadQuery: a keyword that is not a study-level attribute known here, or a malformed date.
        """
        if unknown := sorted(patterns.keys() - KEYWORDS.keys()):
            raise BadQuery(f"unknown key {unknown[0]}; known are {', '.join(KEYWORDS)}")
        keys = tuple(
            QueryKey(keyword=keyword, pattern=text)
            for keyword, pattern in sorted(patterns.items())
            if (text := pattern.strip()) and text != "*"
        )
        query = cls(keys=keys, fuzzy_names=fuzzy_names)
        for keyword in ("StudyDate", "PatientBirthDate"):
            if pattern := query.pattern(keyword):
                date_range(pattern)
        return query

    def pattern(self, keyword: str) -> str:
        """The matching text for a keyword; empty when any value will do."""
        return next((key.pattern for key in self.keys if key.keyword == keyword), "")


def date_range(pattern: str) -> tuple[str, str]:
    """Return first and last day, `YYYYMMDD`, both included; an open end is `00000000` or `99999999`.

    Accepts the retired form with dots as well; PS3.4 C.2.2.2.5, PS3.5 section 6.2 (DA).

    Raises:
        BadQuery: not a date or a range of dates.
    """
    text = pattern.replace(".", "").replace(" ", "")
    match = _DATE_RANGE.fullmatch(text)
    if not match or not (match[1] or match[3]):
        raise BadQuery("a date is YYYYMMDD, a range YYYYMMDD-YYYYMMDD with either end left open")
    if not match[2]:
        return match[1], match[1]
    return match[1] or "00000000", match[3] or "99999999"
