"""Every study that matches a query lies under one of the query's terms."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from idas_p2p.wire.terms import MAX_DATE_TERMS, Field, Term, fold, fold_name, query_terms, study_terms

STUDY = Study(
    study_uid="1.2.3",
    patient_id="P-17",
    issuer="ANNA",
    patient_name="Müller^Jörg=山田^太郎",
    study_date="20200229",
    accession_number="A 5",
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Müller", "muller"),
        ("ÅNGSTRÖM", "angstrom"),
        ("  a   b ", "a b"),
        ("Straße", "strasse"),
        ("ＡＢ", "ab"),
        ("", ""),
    ],
)
def test_folding_drops_case_accents_and_spaces(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("name", "folded"),
    [("DOE^JANE^^^", "doe^jane"), ("DOE^^X", "doe^^x"), ("A=B==", "a=b"), ("", ""), ("^", ""), ("=Yamada", "=yamada")],
)
def test_folding_a_name_drops_empty_ends(name: str, folded: str) -> None:
    assert fold_name(name) == folded


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_a_study_lies_under_terms_of_every_kind() -> None:
    terms = {(term.field, term.value) for term in study_terms(STUDY)}
    day = datetime.date(2020, 2, 29).toordinal()
    assert terms == {
        (Field.STUDY, "1.2.3"),
        (Field.PATIENT, "p-17"),
        (Field.PATIENT, "p-17\nanna"),
        (Field.ACCESSION, "a 5"),
        (Field.NAME, "muller^jorg"),
        (Field.NAME, "山田^太郎"),
        (Field.NAME_PREFIX, "mul"),
        (Field.NAME_PREFIX, "mull"),
        (Field.NAME_PREFIX, "muller"),
        *((Field.DATE, f"{size}:{day // size}") for size in (1, 4, 16, 64, 256)),
    }


def test_a_study_with_a_uid_alone_lies_under_it() -> None:
    assert study_terms(Study(study_uid="1.2", study_date="20201399")) == [Term(Field.STUDY, "1.2")]


@pytest.mark.parametrize(
    "keys",
    [
        {"StudyInstanceUID": "1.2.3"},
        {"StudyInstanceUID": "9.9\\1.2.3"},
        {"PatientID": "P-17"},
        {"PatientID": "P-17", "IssuerOfPatientID": "ANNA"},
        {"PatientID": "P-17", "IssuerOfPatientID": "A*"},
        {"AccessionNumber": "A 5"},
        {"PatientName": "MULLER^JORG"},
        {"PatientName": "müller*"},
        {"PatientName": "Mül*"},
        {"PatientName": "Mull?r^*"},
        {"StudyDate": "20200229"},
        {"StudyDate": "20200101-20201231"},
        {"StudyDate": "20200229-20200301"},
    ],
    ids=str,
)
def test_a_matching_query_looks_where_the_study_lies(keys: dict[str, str]) -> None:
    terms = query_terms(StudyQuery.of(keys))
    assert terms is not None
    assert set(terms) & set(study_terms(STUDY))


@pytest.mark.parametrize(
    "keys",
    [{}, {"PatientName": "*er"}, {"PatientName": "Mü*"}, {"PatientID": "P*"}, {"AccessionNumber": "A?5"},
     {"StudyInstanceUID": "1.2.*"}, {"StudyDate": "20200101-"}, {"StudyDate": "-20200101"}, {"PatientSex": "F"},
     {"StudyDate": "00010101-99991231"}],
    ids=str,
)  # fmt: skip
def test_a_query_without_a_selective_key_asks_the_members(keys: dict[str, str]) -> None:
    assert query_terms(StudyQuery.of(keys)) is None


def test_a_range_that_ends_before_it_begins_looks_nowhere() -> None:
    assert query_terms(StudyQuery.of({"StudyDate": "20200301-20200201"})) == []


days = st.dates(datetime.date(1990, 1, 1), datetime.date(2040, 1, 1))


@given(days, st.integers(0, 1_500), st.integers(0, 1_500))
def test_the_blocks_of_a_range_hold_every_day_in_it_and_no_other(
    first: datetime.date, length: int, offset: int
) -> None:
    last = first + datetime.timedelta(days=length)
    terms = query_terms(StudyQuery.of({"StudyDate": f"{first:%Y%m%d}-{last:%Y%m%d}"}))
    assert terms is not None
    assert len(terms) <= MAX_DATE_TERMS
    day = first + datetime.timedelta(days=offset)
    found = set(terms) & set(study_terms(Study(study_uid="1", study_date=f"{day:%Y%m%d}")))
    assert bool(found) is (offset <= length)


families = st.text(min_size=1, max_size=20).map(fold).filter(lambda text: text and not set(text) & set("\\=^*?"))


@given(families, st.integers(1, 20))
def test_a_family_name_is_found_by_any_beginning_that_is_long_enough(family: str, size: int) -> None:
    terms = query_terms(StudyQuery.of({"PatientName": family[:size] + "*"}))
    study = Study(study_uid="1", patient_name=f"{family}^Given")
    assert terms is None or set(terms) & set(study_terms(study))


def test_a_term_never_prints_its_value() -> None:
    assert "p-17" not in repr(study_terms(STUDY))


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_plain_text_is_folded_as_any_other_is(text: str) -> None:
    assert fold(text) == fold(text + " \u0301")  # a mark that is dropped: the long way
