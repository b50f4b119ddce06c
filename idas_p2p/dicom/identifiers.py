"""Identifiers of C-FIND, C-MOVE and C-GET to values and back.

Values are read as raw bytes and decoded here: pydicom's own conversion warns, with the value, about what it dislikes.

Belongs here: which attribute means what, in which character set. Not here: matching (matching.py), the wire (server).
Source: PS3.4 C.4.1.1.3, C.6.2.1 and C.4.2.1.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from idas_p2p.dicom.charset import answer_charset, codecs_of, decode
from idas_p2p.dicom.matching import time_range
from idas_p2p.errors import BadQuery, MalformedInstance
from idas_p2p.wire.instance import Selection
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import KEYWORDS, Study

Text = Callable[[str], str]
"""Gives the decoded text of an attribute by its keyword; empty when absent."""

MAX_PATTERN_SIZE: Final = 16_384  # characters of one matching key; wire/query.py
MAX_TEXT_SIZE: Final = 1_024  # characters of one attribute; wire/study.py. What is longer is cut
MAX_MODALITIES: Final = 64  # wire/study.py
_UID: Final = re.compile(r"[!-\[\]-~]{1,64}")  # lenient: archives hold UIDs with letters and leading zeros
_COUNTS: Final = ("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
_ALWAYS: Final = ("StudyInstanceUID", "QueryRetrieveLevel", "RetrieveAETitle", "InstanceAvailability")
_CHARACTER_SET: Final = Tag(0x0008, 0x0005)
_NAMES: Final = frozenset({"PatientName", "ReferringPhysicianName"})


def text_reader(ds: Dataset) -> Text:
    """A function that gives the text of a top-level attribute of `ds` by keyword, without pydicom's conversion."""
    codecs = codecs_of(_element_text(ds, _CHARACTER_SET, ("ascii",)))

    def text(keyword: str) -> str:
        return _element_text(ds, Tag(keyword), codecs)

    return text


def study_from_dataset(ds: Dataset) -> Study:
    """Read the study-level attributes of an archive's C-FIND answer.

    Raises:
        MalformedInstance: no Study Instance UID.
    """
    return study_from_text(text_reader(ds))


def study_from_text(text: Text) -> Study:
    """Build a study from decoded attributes, bringing each into the form `Study` promises.

    Raises:
        MalformedInstance: no Study Instance UID.
    """
    modalities = text("ModalitiesInStudy") or text("Modality")
    return Study(
        study_uid=checked_uid(text("StudyInstanceUID")),
        patient_id=_cut(text("PatientID")),
        issuer=_cut(text("IssuerOfPatientID")),
        patient_name=_cut(text("PatientName")),
        birth_date=_date(text("PatientBirthDate")),
        sex=_cut(text("PatientSex")),
        study_date=_date(text("StudyDate")),
        study_time=_cut(text("StudyTime").replace(":", "")),
        accession_number=_cut(text("AccessionNumber")),
        study_id=_cut(text("StudyID")),
        description=_cut(text("StudyDescription")),
        referring_physician=_cut(text("ReferringPhysicianName")),
        modalities=tuple(sorted({m[:16] for m in modalities.split("\\") if m})[:MAX_MODALITIES]),
        series_count=_count(text("NumberOfStudyRelatedSeries")),
        instance_count=_count(text("NumberOfStudyRelatedInstances")),
    )


def checked_uid(text: str) -> str:
    """Return a UID as it is.

    Raises:
        MalformedInstance: empty, longer than 64 characters, or with characters no UID can have.
    """
    if not _UID.fullmatch(text):
        raise MalformedInstance("a UID is missing or malformed")
    return text


def query_level(ds: Dataset) -> str:
    """Query/Retrieve Level (0008,0052) of an identifier, in capitals; empty when absent."""
    return text_reader(ds)("QueryRetrieveLevel").upper()


def query_from_dataset(ds: Dataset) -> StudyQuery:
    """Read the matching keys of a STUDY level identifier; keys not supported are universal, PS3.4 C.2.2.1.3.

    Raises:
        BadQuery: not a query this node answers; the detail says why, free of patient data.
    """
    text = text_reader(ds)
    patterns = {keyword: text(keyword) for keyword in KEYWORDS if keyword not in _COUNTS}
    if too_long := [keyword for keyword, pattern in patterns.items() if len(pattern) > MAX_PATTERN_SIZE]:
        raise BadQuery(f"the key {too_long[0]} is longer than {MAX_PATTERN_SIZE} characters")
    query = StudyQuery.of(patterns)
    if pattern := query.pattern("StudyTime"):
        time_range(pattern)
    return query


def query_dataset(query: StudyQuery) -> Dataset:
    """The identifier that asks an archive for the studies, requesting every attribute of Study."""
    values = {keyword: query.pattern(keyword) for keyword in KEYWORDS}
    return dataset_of({"QueryRetrieveLevel": "STUDY", **values}, charset=answer_charset(list(values.values()), ""))


def response_dataset(study: Study, requested: Dataset, *, retrieve_aet: str) -> Dataset:
    """Answer one study with the attributes the request names; those not known are empty.

    Args:
        study: what is known.
        requested: the C-FIND request's identifier.
        retrieve_aet: value of Retrieve AE Title (0008,0054).

    Returns:
        An identifier in ISO_IR 192 when its text is not ASCII (ISO_IR 100 when the request came in it and it suffices).
    """
    values = {keyword: study.value(keyword) for keyword in KEYWORDS}
    values.update((keyword, "") for keyword in _COUNTS if values[keyword] == "0")  # unknown, not none
    fixed = {"QueryRetrieveLevel": "STUDY", "RetrieveAETitle": retrieve_aet, "InstanceAvailability": "ONLINE"}
    values.update(fixed)
    tags = set(requested.keys()) | {Tag(keyword) for keyword in _ALWAYS}
    known = {Tag(keyword): value for keyword, value in values.items()}
    answer = Dataset()
    for tag in sorted(tags):
        if tag != _CHARACTER_SET and tag.element != 0 and not tag.is_private:
            _add(answer, tag, known.get(tag, ""))
    charset = answer_charset([known.get(tag, "") for tag in tags], _element_text(requested, _CHARACTER_SET, ("ascii",)))
    if charset:
        answer.SpecificCharacterSet = charset
    return answer


def selections_from_dataset(ds: Dataset) -> list[Selection]:
    """What a C-MOVE or C-GET identifier asks for, one selection a study; STUDY, SERIES or IMAGE level.

    Raises:
        BadQuery: a unique key of the level is missing, PS3.4 C.4.2.1.4.
    """
    text = text_reader(ds)
    level = text("QueryRetrieveLevel").upper()
    studies, series, instances = (
        _uids(text(keyword)) for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    )
    if level == "STUDY" and studies:
        return [Selection(study_uid=uid) for uid in studies]
    if level == "SERIES" and len(studies) == 1 and series:
        return [Selection(study_uid=studies[0], series_uids=series)]
    if level == "IMAGE" and len(studies) == 1 and instances:
        return [Selection(study_uid=studies[0], series_uids=series, sop_instance_uids=instances)]
    if level in {"STUDY", "SERIES", "IMAGE"}:
        raise BadQuery(f"retrieval at {level} level needs the UIDs of that level and one study")
    raise BadQuery("retrieval is at STUDY, SERIES or IMAGE level")


def selection_dataset(selection: Selection) -> Dataset:
    """The C-MOVE or C-GET identifier that asks for a selection."""
    values = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": selection.study_uid}
    if selection.series_uids:
        values |= {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": "\\".join(selection.series_uids)}
    if selection.sop_instance_uids:
        values |= {"QueryRetrieveLevel": "IMAGE", "SOPInstanceUID": "\\".join(selection.sop_instance_uids)}
    return dataset_of(values)


def dataset_of(values: dict[str, str], *, charset: str = "") -> Dataset:
    """An identifier of these attributes by keyword, in this Specific Character Set."""
    ds = Dataset()
    if charset:
        ds.SpecificCharacterSet = charset
    for keyword, value in values.items():
        _add(ds, Tag(keyword), value)
    return ds


def _add(ds: Dataset, tag: BaseTag, value: str) -> None:
    """Add an attribute as it is, without validation; one that no dictionary knows is left out."""
    try:
        vr = dictionary_VR(tag)[:2]  # "US or SS" is as good as US when empty
    except KeyError:
        return
    ds.add(DataElement(tag, vr, [] if vr == "SQ" else value, validation_mode=config.IGNORE))


def _element_text(ds: Dataset, tag: BaseTag, codecs: tuple[str, ...]) -> str:
    """The decoded text of an element, each value stripped of padding."""
    element = ds.get_item(tag)
    if element is None or element.VR == "SQ" or not element.value:
        return ""
    if isinstance(element.value, bytes):
        is_name = tag in {tag_for_keyword(keyword) for keyword in _NAMES}
        text = decode(element.value, codecs, is_name=is_name)
    elif isinstance(element.value, MultiValue | list | tuple):
        text = "\\".join(str(value) for value in element.value)
    else:
        text = str(element.value)
    return "\\".join(value.strip(" \0\t\r\n") for value in text.split("\\"))


def _uids(text: str) -> tuple[str, ...]:
    """The UIDs of a list, each once, in order; a malformed one cannot name anything here and is left out."""
    return tuple(dict.fromkeys(uid for uid in text.split("\\") if _UID.fullmatch(uid) and not {"*", "?"} & set(uid)))


def _cut(text: str) -> str:
    return text[:MAX_TEXT_SIZE]


def _date(text: str) -> str:
    """A date without the dots of the retired form, PS3.5 section 6.2 (DA)."""
    return _cut(text.replace(".", ""))


def _count(text: str) -> int:
    return min(int(text), 2**31) if text.isascii() and text.isdigit() and len(text) <= 12 else 0
