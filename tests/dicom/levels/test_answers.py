from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.access.levels import DEIDENTIFIED, OBSCURED
from idas_p2p.dicom.levels.answers import Answers, asks_by_pseudonym
from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.dicom.scan import header_of
from idas_p2p.wire.level import Action, Level, Option
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import KEYWORDS, Study
from tests.dicom.levels.objects import KEY, ct_slice, encoded, engine, with_options

STUDY = Study(
    study_uid="1.2.3",
    patient_id="PID-4711",
    patient_name="Doering^Jane",
    birth_date="19610203",
    sex="F",
    study_date="20231105",
    study_time="101500",
    accession_number="ACC99812",
    study_id="S1",
    description="CT chest of Jane Doering",
    referring_physician="Housegood^Gregory",
    modalities=("CT",),
    series_count=1,
    instance_count=1,
)
LEVELS = [
    OBSCURED,
    replace(OBSCURED, name="own", hides_ids=True),
    DEIDENTIFIED,
    with_options(Option.RETAIN_MODIFIED_DATES, Option.CLEAN_DESCRIPTORS),
    with_options(Option.RETAIN_FULL_DATES, Option.RETAIN_UIDS, Option.RETAIN_PATIENT_CHARACTERISTICS),
    replace(DEIDENTIFIED, name="own", actions=(("AccessionNumber", Action.REPLACE), ("StudyID", Action.KEEP))),
]


def answers(level: Level) -> Answers:
    return Answers(Plan(level), Pseudonyms(KEY))


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.mark)
def test_an_answer_shows_what_the_object_shows(level: Level) -> None:
    ds = ct_slice(StudyDescription="CT chest of Jane Doering")
    shown = engine(level).apply(encoded(ds))
    of_object = header_of(shown.data, shown.transfer_syntax_uid).study
    of_answer = answers(level).study(STUDY)
    assert {keyword: of_answer.value(keyword) for keyword in KEYWORDS} == {
        keyword: of_object.value(keyword) for keyword in KEYWORDS
    }


def test_a_hidden_key_finds_nothing_and_the_pseudonym_does() -> None:
    ours = answers(DEIDENTIFIED)
    shown = ours.study(STUDY)
    by_name = StudyQuery.of({"PatientName": "DOERING*", "ModalitiesInStudy": "CT"})
    assert [key.keyword for key in ours.superset(by_name, lambda uid: None).keys] == ["ModalitiesInStudy"]
    assert shown.patient_id == ours.patient(STUDY) == shown.patient_name


def test_a_study_asked_for_by_the_uid_it_goes_by_is_looked_up() -> None:
    query = StudyQuery.of({"StudyInstanceUID": "2.25.1"})
    ours = answers(DEIDENTIFIED)
    assert ours.superset(query, {"2.25.1": "1.2.3"}.get).pattern("StudyInstanceUID") == "1.2.3"
    assert ours.superset(query, lambda uid: None).keys == ()
    assert answers(OBSCURED).superset(query, lambda uid: None) == query


def test_a_query_by_a_pseudonym_is_told_from_others() -> None:
    shown = answers(DEIDENTIFIED).study(STUDY)
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName"):
        assert asks_by_pseudonym(StudyQuery.of({keyword: shown.value(keyword)}))
        assert not asks_by_pseudonym(StudyQuery.of({keyword: STUDY.value(keyword)}))
    assert not asks_by_pseudonym(StudyQuery())
