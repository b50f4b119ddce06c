"""Identifiers of C-MOVE and C-GET to values and back.

Belongs here: what is to be retrieved. Not here: identifiers of C-FIND (identifiers.py), retrieving
(retrieve_service.py). Source: PS3.4 C.4.2.1.4, C.4.2.2.1 and C.4.3.1.3.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from idas_p2p.dicom.identifiers import UID, dataset_of, query_level, text_reader
from idas_p2p.dicom.query_keys import Level
from idas_p2p.errors import BadQuery
from idas_p2p.wire.instance import Selection
from idas_p2p.wire.query import StudyQuery


def patient_query(ds: Dataset) -> StudyQuery | None:
    """The studies of the patient whom an identifier at PATIENT level asks for; None at other levels.

    Raises:
        BadQuery: not exactly one Patient ID, which is its unique key.
    """
    if query_level(ds) != Level.PATIENT:
        return None
    text = text_reader(ds)
    keys = {keyword: text(keyword) for keyword in ("PatientID", "IssuerOfPatientID")}
    if not keys["PatientID"] or any(set("*?\\") & set(value) for value in keys.values()):
        raise BadQuery("retrieval at PATIENT level needs one Patient ID")
    return StudyQuery.of(keys)


def selections_from_dataset(ds: Dataset) -> list[Selection]:
    """What a C-MOVE or C-GET identifier asks for, one selection a study; at STUDY, SERIES or IMAGE level.

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
    raise BadQuery("retrieval is at PATIENT, STUDY, SERIES or IMAGE level")


def selection_dataset(selection: Selection) -> Dataset:
    """The C-MOVE or C-GET identifier that asks for a selection."""
    values = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": selection.study_uid}
    if selection.series_uids:
        values |= {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": "\\".join(selection.series_uids)}
    if selection.sop_instance_uids:
        values |= {"QueryRetrieveLevel": "IMAGE", "SOPInstanceUID": "\\".join(selection.sop_instance_uids)}
    return dataset_of(values)


def _uids(text: str) -> tuple[str, ...]:
    """The UIDs of a list, each once, in order; a malformed one cannot name anything here and is left out."""
    return tuple(dict.fromkeys(uid for uid in text.split("\\") if UID.fullmatch(uid) and not {"*", "?"} & set(uid)))
