"""Identifiers of C-FIND at SERIES and IMAGE level to values and back, and those that ask an archive for the same.

Belongs here: which attribute of a series or instance means what. Not here: those of studies, and answers
(identifiers.py), matching (matching.py), which keys there are (query_keys.py). Source: PS3.4 C.6.1.1 and C.6.2.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from idas_p2p.dicom.identifiers import (
    MAX_PATTERN_SIZE,
    Text,
    answer_dataset,
    checked_uid,
    dataset_of,
    nested_reader,
    query_from_dataset,
    study_values,
)
from idas_p2p.dicom.matching import part_matcher
from idas_p2p.dicom.query_keys import LEVEL_OF, must_tell, part_keywords
from idas_p2p.errors import BadQuery
from idas_p2p.wire.parts import Depth, Part, PartQuery, StudyPart, Within
from idas_p2p.wire.query import QueryKey

SELECTIVE: Final = frozenset({"StudyInstanceUID", "PatientID", "PatientName", "AccessionNumber", "StudyDate"})
"""Keys of which one at least must be given: without any, every study of the federation would be opened."""


def part_query_from_dataset(ds: Dataset, depth: Depth, *, fuzzy_names: bool = False) -> PartQuery:
    """Read the keys of a SERIES or IMAGE level identifier; those not supported are universal, PS3.4 C.2.2.1.3.

    Keys of higher levels match too, with or without relational queries: a viewer that repeats them loses nothing.

    Raises:
        BadQuery: not a query this node answers; the detail says why, free of patient data.
    """
    studies = query_from_dataset(ds, fuzzy_names=fuzzy_names)
    if not any(key.keyword in SELECTIVE for key in studies.keys):
        raise BadQuery(f"{LEVEL_OF[depth]} level needs a Study Instance UID")
    keywords = part_keywords(depth)
    wanted = tuple(sorted(path for path in keywords if Tag(path.partition(".")[0]) in ds))
    try:
        text = nested_reader(ds)
        patterns = {keyword: text(keyword).strip() for keyword in wanted}
    except Exception:  # pydicom fails in many ways, too deep recursion among them
        raise BadQuery("a sequence of the identifier cannot be decoded") from None
    if too_long := [keyword for keyword, pattern in patterns.items() if len(pattern) > MAX_PATTERN_SIZE]:
        raise BadQuery(f"the key {too_long[0]} is longer than {MAX_PATTERN_SIZE} characters")
    if len(keys := _keys(patterns.items())) > 32:  # wire/parts.py
        raise BadQuery("more than 32 keys with a value")
    part_matcher(keys)
    return PartQuery(depth=depth, studies=studies, keys=keys, wanted=wanted)


def _keys(patterns: Iterable[tuple[str, str]]) -> tuple[QueryKey, ...]:
    return tuple(QueryKey(keyword=keyword, pattern=text) for keyword, text in patterns if text and text != "*")


def part_response(found: StudyPart, requested: Dataset, *, depth: Depth, retrieve_aet: str) -> Dataset:
    """Answer one series or instance, with the attributes of its study and patient that the request names as well."""
    values = {**study_values(found.study), **found.part.values()}
    return answer_dataset(values, requested, level=LEVEL_OF[depth], retrieve_aet=retrieve_aet)


def within_dataset(within: Within, series_uid: str = "") -> Dataset:
    """The identifier that asks an archive for parts of a study; at IMAGE level of one series (PS3.4 C.4.1.2.1).

    Args:
        within: what is asked.
        series_uid: the series, at IMAGE level.
    """
    values = {"QueryRetrieveLevel": str(LEVEL_OF[within.depth]), "StudyInstanceUID": within.study_uid}
    inside: dict[str, dict[str, str]] = {}
    for keyword in asked_of(within):
        outer, _, inner = keyword.partition(".")
        if inner:
            inside.setdefault(outer, {})[inner] = ""
        else:
            values[keyword] = ""
    if within.depth is Depth.IMAGE:
        values |= {"SeriesInstanceUID": series_uid, "SOPInstanceUID": "\\".join(within.sop_instance_uids)}
    else:
        values["SeriesInstanceUID"] = "\\".join(within.series_uids)
    ds = dataset_of(values)
    for outer, keys in inside.items():
        setattr(ds, outer, [dataset_of(keys)])
    return ds


def asked_of(within: Within) -> tuple[str, ...]:
    """The attributes an archive is asked for: at IMAGE level none of the series, whose answers have them."""
    if within.depth is Depth.SERIES:
        return tuple(dict.fromkeys((*must_tell(within.depth), *within.wanted)))
    of_series = set(part_keywords(Depth.SERIES))
    own = (keyword for keyword in within.wanted if keyword not in of_series)
    return tuple(dict.fromkeys((*must_tell(within.depth), *own)))


def part_from_text(text: Text, keywords: Sequence[str], depth: Depth, **fixed: str) -> Part:
    """A series or instance from its decoded attributes.

    Args:
        text: reads one by keyword.
        keywords: what to read beside its UIDs.
        depth: what it is.
        fixed: known otherwise, over what is read.

    Raises:
        MalformedInstance: without a UID of its own.
    """
    values = {keyword: text(keyword) for keyword in dict.fromkeys((*must_tell(depth), *keywords))}
    values |= fixed
    for keyword in must_tell(depth):
        checked_uid(values[keyword])
    return Part.of(values)
