from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.prefilter import conditions
from idas_p2p.store.tables import studies
from idas_p2p.wire.query import QueryKey, StudyQuery, date_range
from idas_p2p.wire.study import Study
from idas_p2p.wire.terms import fold, fold_name

CHARACTERS = st.sampled_from("aAbBéÉöÖ ß^^==*?\\山ｱア한\u0301＊＝\0'%_\U0010ffff\ud7ff\ue000")
TEXTS = st.text(CHARACTERS, max_size=6)
DATES = st.sampled_from(["", "20240101", "20240131", "20240201", "2024", "2024.01.01", "2024011x", "20241301"])
RANGES = st.sampled_from(["20240101", "20240101-", "-20240131", "20240115-20240301", "2024.01.01", "20240201-20240101"])


def wildcard(pattern: str, value: str) -> bool:
    text = re.sub(r"([\[\]])", r"[\1]", pattern)
    return fnmatch.fnmatchcase(value, text)


def text_matches(pattern: str, value: str) -> bool:
    """The most generous reading: as it stands or folded, one of several values, wild cards before or after folding."""
    values = [value, *value.split("\\")]
    return any(
        wildcard(pattern, one) or wildcard(pattern, fold(one)) or wildcard(fold(pattern), fold(one)) for one in values
    )


def composed(name: str) -> list[str]:
    return unicodedata.normalize("NFC", fold_name(name)).split("=")


def group_matches(pattern: str, group: str) -> bool:
    carets = pattern.count("^") - group.count("^")
    return bool(group) and (wildcard(pattern, group) or wildcard(pattern, group + "^" * carets))


def name_matches(pattern: str, value: str) -> bool:
    """One group of a key against any of the name's; several each against its own, in any of several names."""
    wanted = composed(pattern)
    for name in value.split("\\"):
        groups = composed(name)
        if len(wanted) == 1 and any(group_matches(wanted[0], group) for group in groups):
            return True
        pairs = [(group, groups[place] if place < len(groups) else "") for place, group in enumerate(wanted) if group]
        if len(wanted) > 1 and all(group_matches(*pair) for pair in pairs):
            return True
    return False


def is_match(query: StudyQuery, study: Study) -> bool:
    tests = {
        "StudyInstanceUID": lambda pattern: study.study_uid in pattern.split("\\"),
        "PatientID": lambda pattern: text_matches(pattern, study.patient_id),
        "AccessionNumber": lambda pattern: text_matches(pattern, study.accession_number),
        "PatientName": lambda pattern: name_matches(pattern, study.patient_name),
        "StudyDate": lambda pattern: (
            len(study.study_date) == 8 and date_range(pattern)[0] <= study.study_date <= date_range(pattern)[1]
        ),
    }
    return all(tests[key.keyword](key.pattern) for key in query.keys)


STUDIES = st.builds(
    Study,
    study_uid=st.sampled_from(["1.2", "1.3"]),
    patient_id=TEXTS,
    accession_number=TEXTS,
    patient_name=TEXTS,
    study_date=DATES,
)


@st.composite
def queries(draw: st.DrawFn) -> StudyQuery:
    patterns = {
        "StudyInstanceUID": st.sampled_from(["1.2", "1.2\\1.9", "1.3", "1.*"]),
        "PatientID": TEXTS,
        "AccessionNumber": TEXTS,
        "PatientName": TEXTS,
        "StudyDate": RANGES,
    }
    chosen = draw(st.sets(st.sampled_from(sorted(patterns)), min_size=1, max_size=2))
    drawn = {keyword: draw(patterns[keyword]) for keyword in sorted(chosen)}
    return StudyQuery(keys=tuple(QueryKey(keyword=name, pattern=text) for name, text in drawn.items() if text))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    database = Database.open(f"sqlite:///{tmp_path_factory.mktemp('catalog')}/node.db")
    yield Catalog(database)
    database.close()


def found(catalog: Catalog, query: StudyQuery, held: list[Study]) -> list[Study]:
    """What a search finds among just these studies, each in an archive of its own."""
    for number in range(4):
        catalog.forget_archive(str(number), now=0.0)
    for number, study in enumerate(held):
        catalog.record(str(number), [study], now=0.0)
    return [held[int(entry.archive)] for entry in catalog.search(query)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(query=queries(), studies=st.lists(STUDIES, min_size=1, max_size=4))
def test_search_finds_every_true_match(catalog: Catalog, query: StudyQuery, studies: list[Study]) -> None:
    candidates = found(catalog, query, studies)
    assert [study for study in studies if is_match(query, study) and study not in candidates] == []


@settings(max_examples=150, deadline=None)
@given(value=TEXTS, data=st.data())
def test_a_prefix_of_a_name_finds_it(catalog: Catalog, value: str, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(value)))
    query = StudyQuery.of({"PatientName": value[:size] + "*"})
    study = Study(study_uid="1", patient_name=value)
    if is_match(query, study):
        assert found(catalog, query, [study]) == [study]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("MULLER^ANNA", "Müller^Anna"),
        ("müller*", "MULLER^Anna^^Dr"),
        ("DOE^*", "Doe"),
        ("DOE^^*", "Doe^John"),
        ("=山田*", "Yamada=山田^太郎=やまだ"),
        ("やま*", "Yamada=山田^太郎=やまだ"),
        ("DOE", "Smith^A\\Doe^B"),
        ("a" + "\U0010ffff" + "*", "a" + "\U0010ffff" * 3),
    ],
)
def test_names_are_candidates_whatever_their_spelling(catalog: Catalog, pattern: str, name: str) -> None:
    study = Study(study_uid="1", patient_name=name)
    query = StudyQuery.of({"PatientName": pattern})
    assert found(catalog, query, [study]) == [study]


def test_a_selective_query_reads_few_rows(catalog: Catalog) -> None:
    studies = [Study(study_uid="1", patient_id=patient) for patient in ("P1", "P2", "P10", "X")]
    assert found(catalog, StudyQuery.of({"PatientID": "P1"}), studies) == [studies[0]]
    assert found(catalog, StudyQuery.of({"PatientID": "P1*"}), studies) == [studies[0], studies[2]]


@pytest.mark.parametrize(
    ("patterns", "index"),
    [
        ({"StudyInstanceUID": "1.2\\1.3"}, "studies_uid"),
        ({"PatientID": "P1"}, "studies_patient"),
        ({"PatientID": "P1*"}, "studies_patient"),
        ({"AccessionNumber": "A1"}, "studies_accession"),
        ({"PatientName": "Doe*"}, "studies_name_2"),
        ({"StudyDate": "20240101"}, "studies_day"),
    ],
)
def test_every_selective_key_is_answered_by_an_index(sqlite: Database, patterns: dict[str, str], index: str) -> None:
    query = select(studies.c.id).where(*conditions(StudyQuery.of(patterns)))
    words = str(query.compile(sqlite.engine, compile_kwargs={"literal_binds": True}))
    with sqlite.read() as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}")]
    assert any(index in step for step in plan)
    assert not any(step.startswith("SCAN") for step in plan)
