from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from idas_p2p.errors import BadConfiguration, NoSuchThing
from idas_p2p.node.prior_rules import BY_NAME, PriorBook, PriorRule, chosen, is_recent, is_same_patient, queries_for
from tests.node.vaults import MemoryVault
from tests.store.makers import make_study

NEW = make_study(
    "1.1",
    patient_id="P-1",
    issuer="CITY",
    patient_name="Müller^Anna",
    birth_date="19700101",
    sex="F",
    study_date="20261124",
    description="CT Thorax nativ",
)
PRIOR = replace(NEW, study_uid="1.2", study_date="20250101")


def test_the_newest_fitting_studies_are_taken() -> None:
    found = [replace(PRIOR, study_uid=f"2.{year}", study_date=f"{year}0101") for year in (2015, 2023, 2025, 2024, 2027)]
    taken = chosen(PriorRule(years=5, count=2), NEW, found)
    assert [one.study_uid for one in taken] == ["2.2025", "2.2024"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"study_uid": "1.1"}, "the study itself"),
        ({"modalities": ("MR",)}, "another modality"),
        ({"description": "CT Abdomen"}, "another body part"),
        ({"study_date": "20100101"}, "too old"),
        ({"study_date": "20270101"}, "no date, or a later one"),
        ({"study_date": ""}, "no date, or a later one"),
        ({"issuer": "LAKE"}, "not surely the same patient"),
    ],
)
def test_it_is_told_why_a_study_is_no_prior(change: dict[str, str], why: str) -> None:
    assert PriorRule(body_parts=("thorax", "chest")).unfit(NEW, replace(PRIOR, **change)) == why


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({}, True),
        ({"issuer": "city", "patient_id": "p-1"}, True),
        ({"issuer": "LAKE"}, False),  # one id, two patients
        ({"issuer": "", "birth_date": "19700101", "patient_name": "MULLER^ANNA"}, True),
        ({"issuer": "", "birth_date": ""}, False),  # an id alone is never enough
        ({"issuer": "", "patient_name": "Other^Anna"}, False),
        ({"patient_id": "P-2"}, False),
    ],
)
def test_an_id_means_a_patient_only_with_its_issuer_or_the_person(change: dict[str, str], is_same: bool) -> None:
    assert is_same_patient(NEW, replace(PRIOR, **change), match="id") is is_same


def test_by_name_the_person_counts_and_not_the_id() -> None:
    assert is_same_patient(NEW, replace(PRIOR, patient_id="X", issuer="LAKE"), match=BY_NAME)
    assert not is_same_patient(NEW, replace(PRIOR, sex="M"), match=BY_NAME)
    assert not is_same_patient(replace(NEW, birth_date=""), replace(PRIOR, birth_date=""), match=BY_NAME)


def test_the_first_rule_that_means_a_study_is_about_its_modality_and_body_part() -> None:
    assert PriorRule(modalities=("CT", "MR"), body_parts=("THORAX",)).means(NEW)
    assert not PriorRule(modalities=("MR",)).means(NEW)
    assert not PriorRule(body_parts=("knee",)).means(NEW)


def test_identifiers_that_are_patterns_are_not_asked_for() -> None:
    assert [query.pattern("PatientID") for query in queries_for(PriorRule(), NEW)] == ["P-1"]
    assert queries_for(PriorRule(), replace(NEW, patient_id="P*")) == []
    assert queries_for(PriorRule(), replace(NEW, patient_id="")) == []
    (query,) = queries_for(PriorRule(match=BY_NAME), NEW)
    assert (query.pattern("PatientName"), query.pattern("PatientBirthDate")) == ("Müller^Anna", "19700101")
    assert queries_for(PriorRule(match=BY_NAME), replace(NEW, birth_date="")) == []


def test_an_old_study_that_an_archive_shows_anew_is_no_new_one() -> None:
    today = datetime.date(2026, 11, 24)
    assert [is_recent(day, today, days=3) for day in ("20261124", "20261121", "20261125")] == [True, True, True]
    assert [is_recent(day, today, days=3) for day in ("20261120", "20200101", "", "2026")] == [False] * 4


@pytest.mark.parametrize(
    "wrong", [{"count": 0}, {"count": 51}, {"years": 0}, {"match": "face"}, {"to": ""}, {"hours": "9-5"}, {"mbit": -1}]
)
def test_a_rule_without_meaning_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadConfiguration):
        PriorRule(**wrong)  # type: ignore[arg-type]


def test_rules_are_kept_in_their_order() -> None:
    book = PriorBook(MemoryVault())
    first, second = PriorRule(modalities=("CT",), hours="18:00-07:00"), PriorRule(count=1)
    assert [book.add(first), book.add(second)] == [1, 2]
    assert book.rules() == [first, second]
    book.remove(1)
    assert book.rules() == [second]
    with pytest.raises(NoSuchThing):
        book.remove(2)
