from __future__ import annotations

from pydicom.dataset import Dataset

from idas_p2p.dicom.patients import Patients
from idas_p2p.wire.study import Study


def study(number: int, **attributes: str) -> Study:
    return Study(study_uid=f"1.{number}", series_count=2, instance_count=10, **{"patient_id": "7", **attributes})


def test_a_patient_is_told_with_its_first_study_and_not_again() -> None:
    patients = Patients(counts=False)
    told = [patients.add(study(number, patient_name="Doe^John")) for number in range(3)]
    assert [values is not None for values in told] == [True, False, False]
    assert told[0] is not None
    assert (told[0]["PatientID"], told[0]["PatientName"]) == ("7", "Doe^John")
    assert list(patients.rest()) == []


def test_patients_of_two_issuers_are_never_one() -> None:
    patients = Patients(counts=False)
    assert patients.add(study(1, issuer="Anna")) is not None
    assert patients.add(study(2, issuer="Berg")) is not None


def test_patients_without_an_id_are_told_apart_by_name_and_birth_date() -> None:
    patients = Patients(counts=False)
    assert patients.add(study(1, patient_id="", patient_name="Doe", birth_date="19700101")) is not None
    assert patients.add(study(2, patient_id="", patient_name="Doe", birth_date="19700102")) is not None
    assert patients.add(study(3, patient_id="", patient_name="Doe", birth_date="19700101")) is None


def test_numbers_are_told_when_all_studies_have_come() -> None:
    wanted = Dataset()
    wanted.NumberOfPatientRelatedInstances = None
    patients = Patients.for_request(wanted)
    assert [patients.add(study(number)) for number in range(3)] == [None, None, None]
    patients.add(study(4, patient_name="Doe^John"))
    (values,) = patients.rest()
    assert values["PatientName"] == "Doe^John"  # what the first study does not say, a later one does
    assert (values["NumberOfPatientRelatedStudies"], values["NumberOfPatientRelatedInstances"]) == ("4", "40")
