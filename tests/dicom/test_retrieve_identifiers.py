from __future__ import annotations

import pytest

from idas_p2p.dicom.identifiers import dataset_of
from idas_p2p.dicom.retrieve_identifiers import patient_query
from idas_p2p.errors import BadQuery


def test_a_patient_is_asked_for_by_id_and_issuer() -> None:
    query = patient_query(dataset_of({"QueryRetrieveLevel": "PATIENT", "PatientID": "7", "IssuerOfPatientID": "Anna"}))
    assert query is not None
    assert (query.pattern("PatientID"), query.pattern("IssuerOfPatientID")) == ("7", "Anna")


def test_other_levels_ask_for_no_patient() -> None:
    assert patient_query(dataset_of({"QueryRetrieveLevel": "STUDY", "PatientID": "7"})) is None


@pytest.mark.parametrize("patient_id", ["", "7*", "?", "7\\8"])
def test_a_retrieval_needs_exactly_one_patient(patient_id: str) -> None:
    with pytest.raises(BadQuery):
        patient_query(dataset_of({"QueryRetrieveLevel": "PATIENT", "PatientID": patient_id}))
