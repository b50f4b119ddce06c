from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idas_p2p.store import database as database_module
from idas_p2p.store import search as module
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.wire.query import StudyQuery
from tests.store.makers import make_study

HELD = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 9), st.sampled_from(["DOE^J", "ROE^J"])), max_size=20
)
QUERIES = st.sampled_from([{}, {"PatientName": "DOE*"}, {"PatientName": "*OE*"}, {"PatientID": "*x*"}])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held=HELD, keys=QUERIES, first=st.integers(1, 3), most=st.integers(1, 8), window=st.integers(1, 5))
def test_each_study_comes_once_with_every_archive_that_has_it_the_fullest_first(
    database: Database,
    held: list[tuple[str, int, str]],
    keys: dict[str, str],
    first: int,
    most: int,
    window: int,
) -> None:
    catalog = Catalog(database)
    for archive in "abc":
        catalog.forget_archive(archive, now=0.0)
    for archive in "abc":
        of_it = [(number, uid, name) for number, (where, uid, name) in enumerate(held) if where == archive]
        studies = [make_study(f"1.{uid}", patient_name=name, instance_count=number) for number, uid, name in of_it]
        catalog.record(archive, studies, now=1.0)
    query = StudyQuery.of(keys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_module, "PAGE", 2)
        for name, value in (("FIRST", first), ("MAX_SELECTED", most), ("WINDOW", window)):
            patch.setattr(module, name, value)
        groups, entries = list(catalog.studies(query)), list(catalog.search(query))
    found = [group[0].study.study_uid for group in groups]
    assert len(found) == len(set(found))
    assert set(found) == {entry.study.study_uid for entry in entries}
    for group in groups:
        held_by = catalog.entries(group[0].study.study_uid)
        assert sorted(group, key=lambda entry: entry.archive) == held_by
        assert [entry.study.instance_count for entry in group] == sorted(
            (entry.study.instance_count for entry in held_by), reverse=True
        )


def test_what_is_contained_anywhere_is_found_by_its_longest_fixed_part(database: Database) -> None:
    catalog = Catalog(database)
    names = ("Müller-Lüdenscheid^Anna", "Schmidt^Anna", "a\\b", "50%^X")
    catalog.record("pacs", [make_study(str(n), patient_name=name) for n, name in enumerate(names)], now=1.0)

    def found(pattern: str) -> list[str]:
        return [entry.study.study_uid for entry in catalog.search(StudyQuery.of({"PatientName": pattern}))]

    assert found("*LÜDEN*") == ["0", "2"]  # a name of two values is for the exact rules to judge
    assert found("?chmid*Anna") == ["1", "2"]
    assert found("*0%*") == ["2", "3"]


def test_the_first_answers_do_not_wait_for_the_others(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST", 2)
    monkeypatch.setattr(module, "WINDOW", 2)
    catalog = Catalog(database)
    catalog.record("pacs", [make_study(str(n)) for n in range(6)], now=1.0)
    for keys in ({}, {"PatientName": "*O*"}, {"PatientID": "P*"}):
        found = catalog.studies(StudyQuery.of(keys))
        next(found)
        catalog.forget("pacs", ["5"], now=2.0)
        assert "5" not in {group[0].study.study_uid for group in found}
        catalog.record("pacs", [make_study("5")], now=3.0)
