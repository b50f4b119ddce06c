from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.access.levels import DEIDENTIFIED, OBSCURED
from idas_p2p.dicom.levels.answers import Answers, asks_by_pseudonym
from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.dicom.matching import matches
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


def unknown(uid: str) -> None:
    return None


@pytest.mark.parametrize(
    "keys",
    [
        {"PatientName": "DOERING*", "ModalitiesInStudy": "CT"},
        {"PatientID": "PID-4711"},
        {"StudyDate": "20231105"},
        {"AccessionNumber": "ACC99812"},
        {"StudyInstanceUID": "1.2.3"},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_a_query_by_what_is_hidden_finds_nothing_without_a_look_at_the_catalog(keys: dict[str, str]) -> None:
    assert answers(DEIDENTIFIED).superset(StudyQuery.of(keys), unknown) is None


def test_a_query_by_the_pseudonym_or_by_what_is_shown_is_looked_up() -> None:
    ours = answers(DEIDENTIFIED)
    shown = ours.study(STUDY)
    assert shown.patient_id == ours.patient(STUDY) == shown.patient_name
    query = StudyQuery.of({"PatientID": shown.patient_id, "ModalitiesInStudy": "CT"})
    assert ours.superset(query, unknown) == StudyQuery.of({"ModalitiesInStudy": "CT"})


def test_a_study_asked_for_by_the_uid_it_goes_by_is_looked_up() -> None:
    query = StudyQuery.of({"StudyInstanceUID": "2.25.1"})
    ours = answers(DEIDENTIFIED)
    assert ours.superset(query, {"2.25.1": "1.2.3"}.get) == StudyQuery.of({"StudyInstanceUID": "1.2.3"})
    assert ours.superset(query, unknown) == StudyQuery()  # another node of the project may have shown it
    assert answers(OBSCURED).superset(query, unknown) == query


@pytest.mark.parametrize("pattern", ["20100101-20301231", "20100101-", "-20301231"])
def test_a_study_whose_date_was_moved_is_looked_for_where_it_may_have_been(pattern: str) -> None:
    ours = answers(with_options(Option.RETAIN_MODIFIED_DATES))
    query = StudyQuery.of({"StudyDate": pattern})
    superset = ours.superset(query, unknown)
    assert superset is not None
    assert matches(query, ours.study(STUDY))
    assert matches(superset, STUDY)


def test_a_query_by_a_pseudonym_is_told_from_others() -> None:
    shown = answers(DEIDENTIFIED).study(STUDY)
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName"):
        assert asks_by_pseudonym(StudyQuery.of({keyword: shown.value(keyword)}))
        assert not asks_by_pseudonym(StudyQuery.of({keyword: STUDY.value(keyword)}))
    assert not asks_by_pseudonym(StudyQuery())
