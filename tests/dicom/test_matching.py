import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.dicom.matching import matcher, matches, time_range
from idas_p2p.errors import BadQuery
from idas_p2p.wire.query import QueryKey, StudyQuery
from idas_p2p.wire.study import Study
from idas_p2p.wire.terms import query_terms, study_terms

STUDY = Study(
    study_uid="1.2.3",
    patient_id="P-17b",
    issuer="Clinic",
    patient_name="Müller^Jörg=山田^太郎=やまだ^たろう",
    birth_date="19640229",
    sex="M",
    study_date="20231105",
    study_time="1030",
    accession_number="A1",
    description="Abdomen (contrast)",
    referring_physician="O'Neill^Ann^^Dr",
    modalities=("CT", "SR"),
)


def ok(**keys: str) -> bool:
    return matches(StudyQuery.of(keys), STUDY)


def test_no_key_matches_every_study() -> None:
    assert ok()


@pytest.mark.parametrize(
    "pattern",
    [
        "müller^jörg", "MULLER^JORG", "Mu*", "M?ller^*", "*jorg", "Mül*^J*", "*", "müller^jörg^", "山田*", "山田^太?",
        "やまだ^たろう", "=山田^*", "Muller*=山田*", "*^*", "ＭÜＬＬＥＲ^Jorg",
    ],
)  # fmt: skip
def test_names_match_in_any_group_whatever_case_accents_and_width(pattern: str) -> None:
    assert ok(PatientName=pattern)


@pytest.mark.parametrize("pattern", ["Müller", "Jörg*", "M?ller", "=Müller*", "Muller*=田中*", "^Jörg", "Müllers*"])
def test_names_of_others_do_not_match(pattern: str) -> None:
    assert not ok(PatientName=pattern)


def test_a_given_name_asked_as_any_may_be_missing() -> None:
    assert matches(StudyQuery.of({"PatientName": "Doe^*"}), Study(study_uid="1", patient_name="DOE"))


def test_a_question_mark_is_one_hangul_syllable() -> None:
    study = Study(study_uid="1", patient_name="Hong^Gildong=洪^吉洞=홍^길동")
    assert matches(StudyQuery.of({"PatientName": "?^길?"}), study)
    assert not matches(StudyQuery.of({"PatientName": "??^길동"}), study)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"PatientID": "P-17b"}, True),
        ({"PatientID": "p-17b"}, False),  # two patients may differ in case only
        ({"PatientID": "P-*"}, True),
        ({"PatientID": "P-17?"}, True),
        ({"PatientID": "17"}, False),
        ({"IssuerOfPatientID": "Clinic"}, True),
        ({"IssuerOfPatientID": "Other"}, False),
        ({"StudyDescription": "*(contrast)"}, True),
        ({"StudyDescription": "Abdomen"}, False),
        ({"ReferringPhysicianName": "o'neill^*"}, True),
        ({"PatientSex": "F"}, False),
        ({"StudyInstanceUID": "1.2.3"}, True),
        ({"StudyInstanceUID": "1.2.4\\1.2.3"}, True),
        ({"StudyInstanceUID": "1.2.4\\1.2"}, False),
        ({"ModalitiesInStudy": "SR"}, True),
        ({"ModalitiesInStudy": "MR\\CT"}, True),
        ({"ModalitiesInStudy": "C?"}, True),
        ({"ModalitiesInStudy": "MR"}, False),
        ({"StudyID": "x"}, False),  # a value the study does not have
        ({"StudyID": "?*"}, False),
        ({"StudyDate": "20231105"}, True),
        ({"StudyDate": "20231101-20231130"}, True),
        ({"StudyDate": "-20231104"}, False),
        ({"StudyDate": "20231105-"}, True),
        ({"PatientBirthDate": "19640229"}, True),
        ({"StudyTime": "1030"}, True),
        ({"StudyTime": "10"}, True),
        ({"StudyTime": "103001"}, False),
        ({"StudyTime": "0900-1030"}, True),
        ({"StudyTime": "1031-"}, False),
        ({"PatientID": "P-17b", "StudyDate": "20220101"}, False),
    ],
)
def test_every_kind_of_key_matches_by_its_rule(keys: dict[str, str], expected: bool) -> None:
    assert ok(**keys) is expected


def test_a_date_or_time_the_study_lacks_is_in_no_range() -> None:
    blank = Study(study_uid="1")
    assert not matches(StudyQuery.of({"StudyDate": "-20301231"}), blank)
    assert not matches(StudyQuery.of({"StudyTime": "-235959"}), blank)


@pytest.mark.parametrize(
    ("pattern", "first", "last"),
    [
        ("10", "100000.000000", "105960.999999"),
        ("1030-", "103000.000000", "235960.999999"),
        ("-12", "000000.000000", "125960.999999"),
        ("10:30:15.5", "103015.500000", "103015.599999"),
    ],
)
def test_a_time_covers_all_it_may_mean(pattern: str, first: str, last: str) -> None:
    assert time_range(pattern) == (first, last)


@pytest.mark.parametrize("pattern", ["-", "noon", "25", "1061", "10-x", "10*"])
def test_what_is_no_time_is_a_bad_query(pattern: str) -> None:
    with pytest.raises(BadQuery):
        time_range(pattern)


def test_a_key_no_study_has_is_a_bad_query() -> None:
    with pytest.raises(BadQuery):
        matcher(StudyQuery(keys=(QueryKey(keyword="Rows", pattern="1"),)))


def test_no_pattern_makes_matching_slow() -> None:
    study = Study(study_uid="1", description="a" * 1_024)
    started = time.perf_counter()
    assert not matches(StudyQuery.of({"StudyDescription": "*a" * 500 + "*b"}), study)
    assert time.perf_counter() - started < 1.0


names = st.text("ab?*^=Äß 山", max_size=12)


@given(names, names)
def test_what_matches_by_name_is_found_under_one_of_the_terms_looked_up(pattern: str, name: str) -> None:
    query, study = StudyQuery.of({"PatientName": pattern}), Study(study_uid="1", patient_name=name)
    terms = query_terms(query)
    if matches(query, study) and terms is not None:
        assert set(terms) & set(study_terms(study))


@given(st.text("ab*?", max_size=8), st.text("ab", min_size=1, max_size=8))
def test_wild_cards_match_as_a_plain_search_would(pattern: str, value: str) -> None:
    def plain(p: str, v: str) -> bool:
        if not p:
            return not v
        if p[0] == "*":
            return plain(p[1:], v) or (bool(v) and plain(p, v[1:]))
        return bool(v) and p[0] in ("?", v[0]) and plain(p[1:], v[1:])

    expected = plain(pattern, value) if pattern else True
    assert matches(StudyQuery.of({"StudyDescription": pattern}), Study(study_uid="1", description=value)) is expected
