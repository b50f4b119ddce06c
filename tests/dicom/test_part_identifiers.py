from __future__ import annotations

from io import BytesIO

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pynetdicom.dsutils import decode, encode

from idas_p2p.dicom.identifiers import dataset_of
from idas_p2p.dicom.part_identifiers import (
    asked_of,
    part_from_text,
    part_query_from_dataset,
    part_response,
    within_dataset,
)
from idas_p2p.errors import BadQuery, MalformedInstance
from idas_p2p.wire.parts import Depth, Part, StudyPart, Within
from idas_p2p.wire.study import Study

REQUEST = "RequestAttributesSequence.RequestedProcedureID"


def sent(ds: Dataset) -> Dataset:
    encoded = encode(ds, False, True)
    assert encoded is not None
    return decode(BytesIO(encoded), False, True)


def identifier(level: str, **keys: str) -> Dataset:
    return dataset_of({"QueryRetrieveLevel": level, "StudyInstanceUID": "1.2", **keys})


def with_request(ds: Dataset, value: str) -> Dataset:
    ds.RequestAttributesSequence = [dataset_of({"RequestedProcedureID": value})]
    return ds


def test_keys_of_all_levels_are_read_each_to_its_place() -> None:
    ds = with_request(identifier("SERIES", PatientID="7", Modality="CT\\MR", SeriesNumber="", Rows="5"), "RP*")
    query = part_query_from_dataset(sent(ds), Depth.SERIES)
    assert (query.studies.pattern("StudyInstanceUID"), query.studies.pattern("PatientID")) == ("1.2", "7")
    assert {key.keyword: key.pattern for key in query.keys} == {"Modality": "CT\\MR", REQUEST: "RP*"}
    assert "SeriesNumber" in query.wanted
    assert "Rows" not in query.wanted  # an attribute of images


def test_a_number_of_an_image_is_a_key() -> None:
    query = part_query_from_dataset(sent(identifier("IMAGE", Rows="512")), Depth.IMAGE)
    assert query.pattern("Rows") == "512"


def test_an_empty_sequence_wants_everything_inside_it() -> None:
    ds = identifier("SERIES")
    ds.RequestAttributesSequence = []
    query = part_query_from_dataset(sent(ds), Depth.SERIES)
    assert query.keys == ()
    assert REQUEST in query.wanted


@pytest.mark.parametrize("keys", [{"StudyInstanceUID": ""}, {"StudyInstanceUID": "*"}, {"SeriesDate": "soon"}])
def test_a_query_that_cannot_be_answered_is_refused(keys: dict[str, str]) -> None:
    with pytest.raises(BadQuery):
        part_query_from_dataset(sent(identifier("SERIES", **keys)), Depth.SERIES)


def test_a_relational_query_names_the_patient_instead_of_the_study() -> None:
    query = part_query_from_dataset(sent(identifier("IMAGE", StudyInstanceUID="", PatientID="7")), Depth.IMAGE)
    assert query.studies.pattern("PatientID") == "7"


def test_an_answer_has_what_was_asked_sequences_among_it() -> None:
    part = Part.of({"SeriesInstanceUID": "1.2.1", "Modality": "CT", REQUEST: "RP-1\\RP-2"})
    requested = with_request(identifier("SERIES", PatientName="", Modality="", SeriesDescription=""), "")
    found = StudyPart(Study(study_uid="1.2", patient_name="Doe"), part)
    answer = sent(part_response(found, sent(requested), depth=Depth.SERIES, retrieve_aet="IDAS"))
    assert (answer.StudyInstanceUID, answer.SeriesInstanceUID, answer.Modality) == ("1.2", "1.2.1", "CT")
    assert (str(answer.PatientName), answer.SeriesDescription) == ("Doe", "")
    assert [item.RequestedProcedureID for item in answer.RequestAttributesSequence] == ["RP-1", "RP-2"]


def test_an_archive_is_asked_for_images_of_one_series_without_what_series_have() -> None:
    within = Within(study_uid="1.2", depth=Depth.IMAGE, sop_instance_uids=("1.2.1.1",), wanted=("Modality", "Rows"))
    ds = within_dataset(within, "1.2.1")
    assert (ds.QueryRetrieveLevel, ds.SeriesInstanceUID, ds.SOPInstanceUID) == ("IMAGE", "1.2.1", "1.2.1.1")
    assert "Rows" in ds
    assert "Modality" not in ds
    assert asked_of(within) == ("SeriesInstanceUID", "SOPInstanceUID", "Rows")


def test_an_archive_is_asked_for_what_is_inside_sequences() -> None:
    ds = within_dataset(Within(study_uid="1.2", depth=Depth.SERIES, wanted=(REQUEST,)))
    assert [element.keyword for element in ds.RequestAttributesSequence[0]] == ["RequestedProcedureID"]


def test_a_part_without_its_uid_is_none() -> None:
    with pytest.raises(MalformedInstance):
        part_from_text(lambda keyword: "", ("Modality",), Depth.SERIES)


def test_sequences_that_never_end_are_refused_not_followed() -> None:
    item, sequence = b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\x40\x00\x75\x02SQ\x00\x00\xff\xff\xff\xff"
    raw = (item + sequence) * 5_000
    ds = identifier("SERIES")
    ds[0x00400275] = RawDataElement(Tag(0x00400275), "SQ", len(raw), raw, 0, False, True)
    with pytest.raises(BadQuery):
        part_query_from_dataset(ds, Depth.SERIES)
