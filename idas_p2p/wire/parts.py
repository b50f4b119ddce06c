"""Series and instances of a study as an answer tells of them, and what is asked about them.

A part is a list of attributes as decoded text, since what viewers ask for differs; which attributes there are is said
in dicom/query_keys.py. An attribute inside a sequence goes by `Sequence.Attribute`; its values are those of the items,
joined by backslashes, one for each item.

Belongs here: the values and messages. Not here: matching (dicom/matching.py). Source: docs/spec/exchange.md section 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final

from idas_p2p.wire.fetching import UserName
from idas_p2p.wire.query import QueryKey, StudyQuery
from idas_p2p.wire.schema import Limit
from idas_p2p.wire.study import Study

MAX_TEXT: Final = 1_024  # characters of one attribute; protocol: what is longer is cut
MAX_ATTRIBUTES: Final = 64  # of one part; protocol
Keyword = Annotated[str, Limit(1, 128)]


class Depth(IntEnum):
    """What a part is."""

    SERIES = 1
    IMAGE = 2


UID_OF: Final = {Depth.SERIES: "SeriesInstanceUID", Depth.IMAGE: "SOPInstanceUID"}
"""The attribute that tells parts of one depth apart."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Attribute:
    """One attribute that has a value; never prints itself."""

    keyword: Keyword
    text: Annotated[str, Limit(1, MAX_TEXT)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Part:
    """A series or an instance; never prints itself."""

    attributes: Annotated[tuple[Attribute, ...], Limit(1, MAX_ATTRIBUTES)]  # by keyword, each once

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Part:
        """A part with these values by keyword; empty ones are left out, longer ones cut."""
        known = sorted((keyword, text[:MAX_TEXT]) for keyword, text in values.items() if text)
        return cls(attributes=tuple(Attribute(keyword=keyword, text=text) for keyword, text in known[:MAX_ATTRIBUTES]))

    def values(self) -> dict[str, str]:
        """The values by keyword."""
        return {one.keyword: one.text for one in self.attributes}

    def value(self, keyword: str) -> str:
        """The value of one attribute; empty when it has none."""
        return next((one.text for one in self.attributes if one.keyword == keyword), "")

    def __repr__(self) -> str:
        return f"Part({len(self.attributes)} attributes)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartQuery:
    """Which parts of which studies; both kinds of key must match."""

    depth: Annotated[int, Limit(1, 2)]  # Depth
    studies: StudyQuery
    keys: Annotated[tuple[QueryKey, ...], Limit(0, 32)] = ()  # of series and instances, sorted by keyword
    wanted: Annotated[tuple[Keyword, ...], Limit(0, MAX_ATTRIBUTES)] = ()  # attributes to tell beside the UIDs, sorted

    def pattern(self, keyword: str) -> str:
        """The matching text for a key of a part; empty when any value will do."""
        return next((key.pattern for key in self.keys if key.keyword == keyword), "")

    def all_keys(self) -> StudyQuery:
        """Every key of the query, for a record of it: as many as one holds."""
        keys = sorted((*self.studies.keys, *self.keys), key=lambda key: key.keyword)
        return StudyQuery(keys=tuple(keys[:32]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """What an archive is asked: the parts of one study. Identifying: never log it."""

    study_uid: str
    depth: Depth
    series_uids: tuple[str, ...] = ()  # empty: of all series
    sop_instance_uids: tuple[str, ...] = ()  # empty: all of them
    wanted: tuple[str, ...] = ()  # keywords beside those of the UIDs

    def includes(self, *, series_uid: str, sop_instance_uid: str = "") -> bool:
        """Whether a part is among those asked for."""
        if self.series_uids and series_uid not in self.series_uids:
            return False
        return self.depth is Depth.SERIES or not self.sop_instance_uids or sop_instance_uid in self.sop_instance_uids


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsRequest:
    """Asks for parts of the studies that match and may be seen by this user of the asking node."""

    number: Annotated[int, Limit(0, 2**32 - 1)]
    user: UserName
    query: PartQuery
    limit: Annotated[int, Limit(1, 65_536)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Parts:
    """A part of the answer: of one study."""

    number: Annotated[int, Limit(0, 2**32 - 1)]
    study: Study
    parts: Annotated[tuple[Part, ...], Limit(1, 64)]


@dataclass(frozen=True, slots=True, repr=False)
class StudyPart:
    """A part and the study it is of; never prints itself."""

    study: Study
    part: Part


def uids_of(pattern: str) -> tuple[str, ...]:
    """The UIDs of a list, each once, in order; none when one of them is a wild card, which any value may match."""
    uids = _each(pattern.split("\\"))
    return () if any("*" in uid or "?" in uid for uid in uids) else uids


def _each(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stripped for value in values if (stripped := value.strip())))
