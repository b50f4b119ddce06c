"""One study as a catalog knows it: the study-level attributes of PS3.4 Table C.6-1 and C.6-2, as decoded text.

Belongs here: the value and its names. Not here: matching (dicom/matching.py), tables (store/catalog.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from idas_p2p.wire.schema import Limit

Text = Annotated[str, Limit(0, 1_024)]
Uid = Annotated[str, Limit(1, 64)]  # PS3.5 section 9.1

KEYWORDS: Final = {
    "StudyInstanceUID": "study_uid",
    "PatientID": "patient_id",
    "IssuerOfPatientID": "issuer",
    "PatientName": "patient_name",
    "PatientBirthDate": "birth_date",
    "PatientSex": "sex",
    "StudyDate": "study_date",
    "StudyTime": "study_time",
    "AccessionNumber": "accession_number",
    "StudyID": "study_id",
    "StudyDescription": "description",
    "ReferringPhysicianName": "referring_physician",
    "ModalitiesInStudy": "modalities",
    "NumberOfStudyRelatedSeries": "series_count",
    "NumberOfStudyRelatedInstances": "instance_count",
}
"""DICOM keyword to field of Study, in the order of the fields."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Study:
    """The attributes of one study; absent ones are empty. Never prints itself: it identifies a patient.

    Names keep their component groups (`A=B=C`), multiple values their backslashes; dates are YYYYMMDD and times
    HHMMSS.FFFFFF as in PS3.5 section 6.2.
    """

    study_uid: Uid
    patient_id: Text = ""
    issuer: Text = ""
    patient_name: Text = ""
    birth_date: Text = ""
    sex: Text = ""
    study_date: Text = ""
    study_time: Text = ""
    accession_number: Text = ""
    study_id: Text = ""
    description: Text = ""
    referring_physician: Text = ""
    modalities: Annotated[tuple[Annotated[str, Limit(1, 16)], ...], Limit(0, 64)] = ()  # CS, sorted, no duplicates
    series_count: Annotated[int, Limit(0, 2**31)] = 0
    instance_count: Annotated[int, Limit(0, 2**31)] = 0

    def __repr__(self) -> str:
        return "Study(…)"

    def value(self, keyword: str) -> str:
        """The attribute as DICOM text: values joined by backslash, numbers in decimal."""
        value = getattr(self, KEYWORDS[keyword])
        return "\\".join(value) if isinstance(value, tuple) else str(value)
