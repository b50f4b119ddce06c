"""The keys of C-FIND, C-MOVE and C-GET: at which level, of which type, how they match, and where their values are from.

The one table of them: identifiers, matching, what archives are asked for and the conformance statement follow from it.

Belongs here: the table. Pure. Not here: matching (matching.py), identifiers (identifiers.py, answers.py).
Source: PS3.4 C.6.1.1 and C.6.2.1 (levels and types), C.2.2.2 (matching).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from idas_p2p.wire.parts import UID_OF, Depth


class Level(StrEnum):
    """Query/Retrieve Level (0008,0052), the highest first."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


class Type(StrEnum):
    """Of a key, PS3.4 C.2.2.1."""

    UNIQUE = "U"
    REQUIRED = "R"
    OPTIONAL = "O"


class Match(StrEnum):
    """How a key matches beside universal matching, which all do."""

    TEXT = "single value, wild card"
    UIDS = "list of UID"
    CODES = "list of values, wild card"
    NAME = "name"
    DATE = "date range"
    TIME = "time range"
    NUMBER = "number"
    RETURNED = "none: returned only"


class Origin(StrEnum):
    """Where a value is from."""

    CATALOG = "catalog"
    ARCHIVE = "archive, asked at that moment"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True)
class Key:
    """One attribute; inside a sequence it goes by `Sequence.Attribute`."""

    keyword: str
    level: Level
    type: Type
    match: Match
    origin: Origin


def _keys(level: Level, type_: Type, match: Match, origin: Origin, keywords: str) -> list[Key]:
    return [Key(keyword, level, type_, match, origin) for keyword in keywords.split()]


_U, _R, _O = Type.UNIQUE, Type.REQUIRED, Type.OPTIONAL
_CATALOG, _ARCHIVE, _COMPUTED = Origin.CATALOG, Origin.ARCHIVE, Origin.COMPUTED

TABLE: Final = (
    *_keys(Level.PATIENT, _U, Match.TEXT, _CATALOG, "PatientID"),
    *_keys(Level.PATIENT, _R, Match.NAME, _CATALOG, "PatientName"),
    *_keys(Level.PATIENT, _O, Match.TEXT, _CATALOG, "IssuerOfPatientID PatientSex"),
    *_keys(Level.PATIENT, _O, Match.DATE, _CATALOG, "PatientBirthDate"),
    *_keys(
        Level.PATIENT,
        _O,
        Match.RETURNED,
        _COMPUTED,
        "NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries NumberOfPatientRelatedInstances",
    ),
    *_keys(Level.STUDY, _U, Match.UIDS, _CATALOG, "StudyInstanceUID"),
    *_keys(Level.STUDY, _R, Match.DATE, _CATALOG, "StudyDate"),
    *_keys(Level.STUDY, _R, Match.TIME, _CATALOG, "StudyTime"),
    *_keys(Level.STUDY, _R, Match.TEXT, _CATALOG, "AccessionNumber StudyID"),
    *_keys(Level.STUDY, _O, Match.NAME, _CATALOG, "ReferringPhysicianName"),
    *_keys(Level.STUDY, _O, Match.TEXT, _CATALOG, "StudyDescription"),
    *_keys(Level.STUDY, _O, Match.CODES, _CATALOG, "ModalitiesInStudy"),
    *_keys(Level.STUDY, _O, Match.NUMBER, _CATALOG, "NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances"),
    *_keys(Level.SERIES, _U, Match.UIDS, _ARCHIVE, "SeriesInstanceUID"),
    *_keys(Level.SERIES, _R, Match.CODES, _ARCHIVE, "Modality"),
    *_keys(Level.SERIES, _R, Match.NUMBER, _ARCHIVE, "SeriesNumber"),
    *_keys(Level.SERIES, _O, Match.NUMBER, _ARCHIVE, "NumberOfSeriesRelatedInstances"),
    *_keys(Level.SERIES, _O, Match.DATE, _ARCHIVE, "SeriesDate PerformedProcedureStepStartDate"),
    *_keys(Level.SERIES, _O, Match.TIME, _ARCHIVE, "SeriesTime PerformedProcedureStepStartTime"),
    *_keys(Level.SERIES, _O, Match.NAME, _ARCHIVE, "PerformingPhysicianName OperatorsName"),
    *_keys(Level.SERIES, _O, Match.UIDS, _ARCHIVE, "FrameOfReferenceUID"),
    *_keys(
        Level.SERIES,
        _O,
        Match.TEXT,
        _ARCHIVE,
        "SeriesDescription BodyPartExamined Laterality PatientPosition ProtocolName InstitutionName "
        "InstitutionalDepartmentName StationName Manufacturer ManufacturerModelName PerformedProcedureStepDescription "
        "PerformedProcedureStepID",
    ),
    *_keys(
        Level.SERIES,
        _O,
        Match.TEXT,
        _ARCHIVE,
        "RequestAttributesSequence.RequestedProcedureID RequestAttributesSequence.ScheduledProcedureStepID "
        "RequestAttributesSequence.RequestedProcedureDescription "
        "RequestAttributesSequence.ScheduledProcedureStepDescription",
    ),
    *_keys(Level.IMAGE, _U, Match.UIDS, _ARCHIVE, "SOPInstanceUID"),
    *_keys(Level.IMAGE, _R, Match.NUMBER, _ARCHIVE, "InstanceNumber"),
    *_keys(Level.IMAGE, _O, Match.UIDS, _ARCHIVE, "SOPClassUID AvailableTransferSyntaxUID"),
    *_keys(Level.IMAGE, _O, Match.NUMBER, _ARCHIVE, "AcquisitionNumber Rows Columns BitsAllocated NumberOfFrames"),
    *_keys(Level.IMAGE, _O, Match.DATE, _ARCHIVE, "ContentDate AcquisitionDate InstanceCreationDate"),
    *_keys(Level.IMAGE, _O, Match.TIME, _ARCHIVE, "ContentTime AcquisitionTime InstanceCreationTime"),
    *_keys(Level.IMAGE, _O, Match.CODES, _ARCHIVE, "ImageType"),
    *_keys(
        Level.IMAGE,
        _O,
        Match.TEXT,
        _ARCHIVE,
        "ImageComments ContentLabel ContentDescription SliceLocation SliceThickness ImagePositionPatient "
        "ImageOrientationPatient PhotometricInterpretation CompletionFlag VerificationFlag",
    ),
    *_keys(
        Level.IMAGE,
        _O,
        Match.TEXT,
        _ARCHIVE,
        "ConceptNameCodeSequence.CodeValue ConceptNameCodeSequence.CodingSchemeDesignator "
        "ConceptNameCodeSequence.CodeMeaning",
    ),
)

BY_KEYWORD: Final = {key.keyword: key for key in TABLE}
ANSWERED: Final = frozenset(
    {"SpecificCharacterSet", "QueryRetrieveLevel", "RetrieveAETitle", "InstanceAvailability", "TimezoneOffsetFromUTC"}
)
"""What an answer says beside the keys."""

_SEQUENCES: Final = frozenset(key.keyword.partition(".")[0] for key in TABLE if "." in key.keyword)
_IGNORED: Final = frozenset({0x00080005, 0x00080052, 0x00080053, 0x00080054, 0x00080056, 0x00080201})

LEVEL_OF: Final = {Depth.SERIES: Level.SERIES, Depth.IMAGE: Level.IMAGE}


def part_keywords(depth: Depth) -> tuple[str, ...]:
    """The attributes that parts of a depth have, from the unique key of their own level up to the series."""
    levels = {Level.SERIES, LEVEL_OF[depth]}
    return tuple(key.keyword for key in TABLE if key.level in levels)


def is_part_keyword(keyword: str, depth: Depth) -> bool:
    """Whether parts of a depth have this attribute."""
    key = BY_KEYWORD.get(keyword)
    return key is not None and (key.level is Level.SERIES or key.level is LEVEL_OF[depth])


def must_tell(depth: Depth) -> tuple[str, ...]:
    """The UIDs by which a part is known."""
    return tuple(dict.fromkeys((UID_OF[Depth.SERIES], UID_OF[depth])))


def unsupported(identifier: Dataset) -> bool:
    """Whether a request names an attribute that is not supported at any level, private ones among them."""
    return any(not _is_known(tag) for tag in list(identifier.keys()) if tag.element != 0)


def _is_known(tag: BaseTag) -> bool:
    keyword = "" if tag.is_private else keyword_for_tag(tag)
    return tag in _IGNORED or keyword in BY_KEYWORD or keyword in _SEQUENCES
