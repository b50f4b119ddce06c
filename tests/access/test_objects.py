"""Conditions on studies: all that are given must hold, and what a study lacks meets none."""

from __future__ import annotations

import pytest

from idas_p2p.access.objects import Facts, Objects, Patient, facts_of, parse_objects
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.study import Study

FACTS = facts_of(
    Study(study_uid="1.2", patient_id=" P-1 ", issuer="City", study_date="20240131"),
    archives=["pacs", "old"],
    labels=["vip"],
    modalities=["CT", "SR", "CT"],
)


def test_facts_are_folded_so_that_spelling_does_not_matter() -> None:
    assert (FACTS.patient, FACTS.modalities, FACTS.day) == (Patient("p-1", "city"), ("CT", "SR"), 20240131)


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ({}, None),
        ({"studies": ["1.2", "1.3"]}, None),
        ({"studies": ["1.3"]}, "another study"),
        ({"patients": ["p-1"]}, None),
        ({"patients": ["P-1^^^CITY"]}, None),
        ({"patients": ["P-1^^^Lake"]}, "another patient"),
        ({"modalities": ["mr", "sr"]}, None),
        ({"modalities": ["MR"]}, "another modality"),
        ({"dates": "20240131"}, None),
        ({"dates": "-20240130"}, "another date"),
        ({"archives": ["old"]}, None),
        ({"archives": ["new"]}, "another archive"),
        ({"labels": ["VIP"]}, None),
        ({"labels": ["trial"]}, "no such label"),
        ({"studies": ["1.2"], "modalities": ["MR"]}, "another modality"),
    ],
)
def test_every_condition_must_hold_and_the_first_that_does_not_is_named(
    conditions: dict[str, object], why: str | None
) -> None:
    assert parse_objects(**conditions).mismatch(FACTS) == why  # type: ignore[arg-type]


def test_a_study_that_lacks_what_a_condition_asks_for_does_not_meet_it() -> None:
    bare = Facts(study_uid="1.2")
    assert parse_objects(dates="19000101-").mismatch(bare) == "the study has no date"
    for conditions in ({"patients": ["x"]}, {"modalities": ["CT"]}, {"archives": ["a"]}, {"labels": ["l"]}):
        assert parse_objects(**conditions).mismatch(bare) is not None  # type: ignore[arg-type]
    assert parse_objects(patients=["p-1^^^city"]).mismatch(Facts(study_uid="1", patient=Patient("p-1"))) is not None


@pytest.mark.parametrize(
    "conditions",
    [
        {"studies": ["1.2.x"]},
        {"studies": [""]},
        {"patients": [""]},
        {"patients": ["x^^^"]},
        {"modalities": ["a\\b"]},
        {"dates": "yesterday"},
        {"dates": "20240201-20240101"},
        {"archives": [""]},
        {"labels": ["\n"]},
        {"studies": [f"1.{n}" for n in range(1_001)]},
    ],
)
def test_a_value_of_no_meaning_is_refused(conditions: dict[str, object]) -> None:
    with pytest.raises(BadConfiguration):
        parse_objects(**conditions)  # type: ignore[arg-type]


def test_conditions_never_print_whom_they_name() -> None:
    assert "p-1" not in repr(Objects(patients=(Patient("p-1"),))) + repr(FACTS) + repr(FACTS.patient)
