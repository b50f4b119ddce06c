from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pynetdicom.dsutils import decode, encode

from idas_p2p.dicom.identifiers import (
    dataset_of,
    query_dataset,
    query_from_dataset,
    query_level,
    response_dataset,
    study_from_dataset,
)
from idas_p2p.dicom.retrieve_identifiers import selection_dataset, selections_from_dataset
from idas_p2p.errors import BadQuery, MalformedInstance
from idas_p2p.wire.instance import Selection
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import KEYWORDS, Study

STUDY = Study(
    study_uid="1.2.3",
    patient_id="P1",
    patient_name="Müller^Jörg",
    study_date="20231105",
    modalities=("CT", "SR"),
    instance_count=7,
)


def sent(ds: Dataset) -> Dataset:
    """As it arrives: encoded and read again, nothing converted yet."""
    return decode(BytesIO(encode(ds, False, True) or b""), False, True)


def identifier(*, SpecificCharacterSet: str = "", **attributes: str) -> Dataset:
    return sent(dataset_of(attributes, charset=SpecificCharacterSet))


def test_a_study_is_read_from_an_answer_in_its_own_character_set() -> None:
    study = study_from_dataset(
        identifier(
            SpecificCharacterSet="ISO_IR 100",
            StudyInstanceUID="1.2.3",
            PatientName="Müller^Jörg ",
            StudyDate="20231105",
            StudyTime="10:30:00",
            ModalitiesInStudy="SR\\CT\\CT",
            NumberOfStudyRelatedInstances="12",
        )
    )
    assert (study.patient_name, study.study_time) == ("Müller^Jörg", "103000")
    assert (study.modalities, study.instance_count) == (("CT", "SR"), 12)


def test_an_answer_without_study_uid_is_malformed() -> None:
    with pytest.raises(MalformedInstance):
        study_from_dataset(identifier(PatientID="P1"))


def test_what_an_archive_overdoes_is_cut_to_what_a_study_may_hold() -> None:
    study = study_from_dataset(
        identifier(
            StudyInstanceUID="1.2.3",
            StudyDescription="x" * 5_000,
            ModalitiesInStudy="\\".join(f"M{number}" for number in range(100)),
            NumberOfStudyRelatedSeries="999999999999",
        )
    )
    assert len(study.description) == 1_024
    assert len(study.modalities) == 64
    assert study.series_count == 2**31


def test_matching_keys_are_read_and_return_keys_ignored() -> None:
    query = query_from_dataset(
        identifier(
            SpecificCharacterSet="ISO_IR 192",
            QueryRetrieveLevel="STUDY",
            PatientName="山田* ",
            StudyDate="20230101-",
            AccessionNumber="",
            StudyInstanceUID="*",
            NumberOfStudyRelatedInstances="5",
            InstitutionName="elsewhere",
        )
    )
    assert query == StudyQuery.of({"PatientName": "山田*", "StudyDate": "20230101-"})


@pytest.mark.parametrize(
    "keys",
    [{"StudyDate": "yesterday"}, {"StudyTime": "noon"}, {"StudyInstanceUID": "\\".join(["1.2.3.4.5"] * 2_000)}],
)
def test_keys_that_cannot_be_understood_are_refused_without_quoting_them(keys: dict[str, str]) -> None:
    with pytest.raises(BadQuery) as refused:
        query_from_dataset(identifier(**keys))
    assert not any(value[:9] in refused.value.detail for value in keys.values())


def test_the_level_is_read_in_capitals() -> None:
    assert query_level(identifier(QueryRetrieveLevel="study ")) == "STUDY"
    assert query_level(identifier(PatientID="")) == ""


def test_an_answer_has_what_was_asked_and_what_always_belongs_to_it() -> None:
    requested = identifier(QueryRetrieveLevel="STUDY", PatientName="", ModalitiesInStudy="", InstitutionName="")
    answer = sent(response_dataset(STUDY, requested, retrieve_aet="IDAS"))
    assert {element.keyword: element.value for element in answer} == {
        "SpecificCharacterSet": "ISO_IR 192",
        "InstanceAvailability": "ONLINE",
        "QueryRetrieveLevel": "STUDY",
        "RetrieveAETitle": "IDAS",
        "ModalitiesInStudy": ["CT", "SR"],
        "InstitutionName": "",
        "PatientName": "Müller^Jörg",
        "StudyInstanceUID": "1.2.3",
    }


def test_an_answer_uses_latin_1_where_it_was_asked_so_and_suffices() -> None:
    requested = identifier(SpecificCharacterSet="ISO_IR 100", PatientName="", PatientID="")
    assert response_dataset(STUDY, requested, retrieve_aet="IDAS").SpecificCharacterSet == "ISO_IR 100"


def test_an_ascii_answer_names_no_character_set() -> None:
    answer = response_dataset(STUDY, identifier(PatientID=""), retrieve_aet="IDAS")
    assert "SpecificCharacterSet" not in answer


def test_counts_not_known_are_empty_not_zero() -> None:
    requested = identifier(NumberOfStudyRelatedSeries="", NumberOfStudyRelatedInstances="")
    answer = sent(response_dataset(STUDY, requested, retrieve_aet="IDAS"))
    assert answer["NumberOfStudyRelatedSeries"].is_empty
    assert answer.NumberOfStudyRelatedInstances == 7


def test_sequences_and_ambiguous_attributes_are_answered_empty() -> None:
    requested = Dataset()
    requested.ProcedureCodeSequence = [Dataset()]
    requested.SmallestImagePixelValue = None
    requested.add_new(0x00091001, "LO", "private")
    answer = sent(response_dataset(STUDY, sent(requested), retrieve_aet="IDAS"))
    assert answer["ProcedureCodeSequence"].is_empty
    assert 0x00091001 not in answer


text = st.text(st.characters(codec="utf-8", exclude_characters="\0\\=", exclude_categories=["Cc", "Zs"]), max_size=20)


@given(name=text, description=text)
def test_any_text_survives_an_answer(name: str, description: str) -> None:
    study = Study(study_uid="1.2", patient_name=name, description=description)
    requested = identifier(**dict.fromkeys(KEYWORDS, ""))
    again = study_from_dataset(sent(response_dataset(study, requested, retrieve_aet="IDAS")))
    assert (again.patient_name, again.description) == (name, description)


@given(st.dictionaries(st.sampled_from(["PatientName", "PatientID", "StudyDescription"]), text))
def test_a_query_survives_being_asked(keys: dict[str, str]) -> None:
    query = StudyQuery.of(keys)
    assert query_from_dataset(sent(query_dataset(query))) == query


@given(
    st.dictionaries(st.sampled_from([*KEYWORDS, "QueryRetrieveLevel", "SpecificCharacterSet"]), st.binary(max_size=12))
)
def test_any_identifier_gives_a_query_or_is_refused(values: dict[str, bytes]) -> None:
    ds = Dataset()
    for keyword, value in values.items():
        ds[Tag(keyword)] = RawDataElement(Tag(keyword), None, len(value), value, 0, True, True)
    assert response_dataset(STUDY, ds, retrieve_aet="IDAS").StudyInstanceUID == "1.2.3"
    with suppress(BadQuery):
        query_from_dataset(ds)
    with suppress(BadQuery):
        selections_from_dataset(ds)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(study_uid="1.2.3"),
        Selection(study_uid="1.2.3", series_uids=("1.2.3.1", "1.2.3.2")),
        Selection(study_uid="1.2.3", series_uids=("1.2.3.1",), sop_instance_uids=("1.2.3.1.1", "1.2.3.1.2")),
        Selection(study_uid="1.2.3", sop_instance_uids=("1.2.3.1.1",)),
    ],
)
def test_a_selection_survives_being_asked(selection: Selection) -> None:
    assert selections_from_dataset(sent(selection_dataset(selection))) == [selection]


def test_several_studies_are_several_selections() -> None:
    ds = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2\\1.3\\1.2")
    assert selections_from_dataset(ds) == [Selection(study_uid="1.2"), Selection(study_uid="1.3")]


@pytest.mark.parametrize(
    "attributes",
    [
        {"QueryRetrieveLevel": "STUDY"},
        {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "*"},
        {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2"},
        {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": "1.2.3"},
        {"QueryRetrieveLevel": "IMAGE", "StudyInstanceUID": "1.2\\1.3", "SOPInstanceUID": "1.2.3.4"},
        {"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"},
        {"StudyInstanceUID": "1.2"},
    ],
)
def test_a_retrieval_without_its_unique_keys_is_refused(attributes: dict[str, str]) -> None:
    with pytest.raises(BadQuery):
        selections_from_dataset(identifier(**attributes))
