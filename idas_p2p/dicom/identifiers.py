"""Identifiers of C-FIND to values and back.

Values are read as raw bytes and decoded here: pydicom's own conversion warns, with the value, about what it dislikes.

Belongs here: which attribute means what, in which character set. Not here: matching (matching.py), the wire (server).
Source: PS3.4 C.4.1.1.3 and C.6.2.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from pydicom import config
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from idas_p2p.dicom.answer_charset import answer_charset
from idas_p2p.dicom.charset import codecs_of, decode
from idas_p2p.dicom.matching import time_range
from idas_p2p.dicom.query_keys import TABLE, Key, Level, Match, Type
from idas_p2p.errors import BadQuery, MalformedInstance
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import KEYWORDS, Study

Text = Callable[[str], str]
"""Gives the decoded text of an attribute by its keyword; empty when absent."""

MAX_PATTERN_SIZE: Final = 16_384  # characters of one matching key; wire/query.py
MAX_TEXT_SIZE: Final = 1_024  # characters of one attribute; wire/study.py. What is longer is cut
MAX_MODALITIES: Final = 64  # wire/study.py
UID: Final = re.compile(r"[!-\[\]-~]{1,64}")  # lenient: archives hold UIDs with letters and leading zeros
_COUNTS: Final = ("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
_CHARACTER_SET: Final = Tag(0x0008, 0x0005)
_SHORT_NUMBERS: Final = frozenset(map(tag_for_keyword, ("Rows", "Columns", "BitsAllocated")))  # VR US
_NAMES: Final = frozenset(tag_for_keyword(key.keyword) for key in TABLE if key.match is Match.NAME)


def text_reader(ds: Dataset) -> Text:
    """A function that gives the text of a top-level attribute of `ds` by keyword, without pydicom's conversion."""
    codecs = codecs_of(_element_text(ds, _CHARACTER_SET, ("ascii",)))

    def text(keyword: str) -> str:
        return _element_text(ds, Tag(keyword), codecs)

    return text


def nested_reader(ds: Dataset) -> Text:
    """The same for attributes inside sequences as well, `Sequence.Attribute`: the values of all items, one for each.

    Raises:
        ValueError and others of pydicom: a sequence that is asked for cannot be read.
    """
    codecs = codecs_of(_element_text(ds, _CHARACTER_SET, ("ascii",)))

    def text(path: str) -> str:
        keyword, _, inner = path.partition(".")
        if not inner:
            return _element_text(ds, Tag(keyword), codecs)
        items = ds[keyword].value if keyword in ds and ds[keyword].VR == "SQ" else ()
        values = [_element_text(item, Tag(inner), _codecs_in(item, codecs)).replace("\\", "/") for item in items or ()]
        return "\\".join(values) if any(values) else ""

    return text


def _codecs_in(item: Dataset, outside: tuple[str, ...]) -> tuple[str, ...]:
    """An item may have a character set of its own, PS3.3 C.12.1.1.2."""
    return codecs_of(_element_text(item, _CHARACTER_SET, ("ascii",))) if _CHARACTER_SET in item else outside


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
    if not UID.fullmatch(text):
        raise MalformedInstance("a UID is missing or malformed")
    return text


def query_level(ds: Dataset) -> str:
    """Query/Retrieve Level (0008,0052) of an identifier, in capitals; empty when absent."""
    return text_reader(ds)("QueryRetrieveLevel").upper()


def query_from_dataset(ds: Dataset, *, fuzzy_names: bool = False) -> StudyQuery:
    """Read the matching keys of a STUDY level identifier; keys not supported are universal, PS3.4 C.2.2.1.3.

    Raises:
        BadQuery: not a query this node answers; the detail says why, free of patient data.
    """
    text = text_reader(ds)
    patterns = {keyword: text(keyword) for keyword in KEYWORDS if keyword not in _COUNTS}
    if too_long := [keyword for keyword, pattern in patterns.items() if len(pattern) > MAX_PATTERN_SIZE]:
        raise BadQuery(f"the key {too_long[0]} is longer than {MAX_PATTERN_SIZE} characters")
    query = StudyQuery.of(patterns, fuzzy_names=fuzzy_names)
    if pattern := query.pattern("StudyTime"):
        time_range(pattern)
    return query


def query_dataset(query: StudyQuery) -> Dataset:
    """The identifier that asks an archive for the studies, requesting every attribute of Study."""
    values = {keyword: query.pattern(keyword) for keyword in KEYWORDS}
    return dataset_of(
        {"QueryRetrieveLevel": "STUDY", **values},
        charset=answer_charset([(text, False) for text in values.values()], ""),
    )


def response_dataset(study: Study, requested: Dataset, *, retrieve_aet: str) -> Dataset:
    """Answer one study with the attributes the request names; those not known are empty.

    Args:
        study: what is known.
        requested: the C-FIND request's identifier.
        retrieve_aet: value of Retrieve AE Title (0008,0054).

    Returns:
        An identifier in ISO_IR 192 when its text is not ASCII (ISO_IR 100 when the request came in it and it suffices).
    """
    return answer_dataset(study_values(study), requested, level=Level.STUDY, retrieve_aet=retrieve_aet)


def study_values(study: Study) -> dict[str, str]:
    """The attributes of a study by keyword; counts that are not known are empty."""
    values = {keyword: study.value(keyword) for keyword in KEYWORDS}
    values.update((keyword, "") for keyword in _COUNTS if values[keyword] == "0")  # unknown, not none
    return values


def answer_dataset(values: Mapping[str, str], requested: Dataset, *, level: Level, retrieve_aet: str) -> Dataset:
    """An answer at a level, with the attributes the request names; those not known are empty.

    Args:
        values: what is known by keyword; `Sequence.Attribute` inside a sequence.
        requested: the C-FIND request's identifier.
        level: of the answer.
        retrieve_aet: value of Retrieve AE Title (0008,0054).
    """
    fixed = {"QueryRetrieveLevel": str(level), "RetrieveAETitle": retrieve_aet}
    values = {"InstanceAvailability": "ONLINE", **values, **fixed}
    unique = [key.keyword for key in TABLE if key.type is Type.UNIQUE and _goes_with(key, level)]
    tags = set(requested.keys()) | {Tag(keyword) for keyword in (*unique, *fixed, "InstanceAvailability")}
    answer, told = Dataset(), list[tuple[str, bool]]()
    for tag in sorted(tags):
        if tag == _CHARACTER_SET or tag.element == 0 or tag.is_private:
            continue
        keyword = keyword_for_tag(tag)
        inside = {path: text for path, text in values.items() if path.startswith(f"{keyword}.")} if keyword else {}
        told += [(text, False) for text in inside.values()] + [(values.get(keyword, ""), tag in _NAMES)]
        if inside:
            _add_items(answer, tag, inside)
        else:
            _add(answer, tag, values.get(keyword, ""))
    charset = answer_charset(told, _element_text(requested, _CHARACTER_SET, ("ascii",)))
    if charset:
        answer.SpecificCharacterSet = charset.split("\\")
    return answer


def _goes_with(key: Key, level: Level) -> bool:
    """Whether an answer at a level always says this unique key: its own, and below patients those of studies too."""
    order = list(Level)
    return key.level is level or order.index(Level.STUDY) <= order.index(key.level) < order.index(level)


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
    content: object = [] if vr == "SQ" else value
    if vr == "US":
        content = int(value) % 0x10000 if value.isdecimal() else None
    ds.add(DataElement(tag, vr, content, validation_mode=config.IGNORE))


def _add_items(ds: Dataset, tag: BaseTag, inside: Mapping[str, str]) -> None:
    """Add a sequence of what is inside it by path, one item for each value."""
    columns = {path.partition(".")[2]: text.split("\\") for path, text in inside.items()}
    items = []
    for number in range(max(map(len, columns.values()))):
        items.append(
            dataset_of({name: texts[number] for name, texts in sorted(columns.items()) if number < len(texts)})
        )
    ds.add(DataElement(tag, "SQ", items, validation_mode=config.IGNORE))


def _element_text(ds: Dataset, tag: BaseTag, codecs: tuple[str, ...]) -> str:
    """The decoded text of an element, each value stripped of padding."""
    element = ds.get_item(tag)
    if element is None or element.VR == "SQ" or not element.value:
        return ""
    if isinstance(element.value, bytes) and tag in _SHORT_NUMBERS:
        text = str(int.from_bytes(element.value[:2], "little" if element.is_little_endian else "big"))
    elif isinstance(element.value, bytes):
        text = decode(element.value, codecs, is_name=tag in _NAMES)
    elif isinstance(element.value, MultiValue | list | tuple):
        text = "\\".join(str(value) for value in element.value)
    else:
        text = str(element.value)
    return "\\".join(value.strip(" \0\t\r\n") for value in text.split("\\"))


def _cut(text: str) -> str:
    return text[:MAX_TEXT_SIZE]


def _date(text: str) -> str:
    """A date without the dots of the retired form, PS3.5 section 6.2 (DA)."""
    return _cut(text.replace(".", ""))


def _count(text: str) -> int:
    return min(int(text), 2**31) if text.isascii() and text.isdigit() and len(text) <= 12 else 0
