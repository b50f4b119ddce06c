from __future__ import annotations

import pytest

from idas_p2p.errors import BadQuery
from idas_p2p.store import database as database_module
from idas_p2p.store import search as module
from idas_p2p.store.catalog import Catalog, Changes, Entry, HarvestState
from idas_p2p.store.database import Database
from idas_p2p.store.totals import Count
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tests.store.makers import make_study


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


def uids(catalog: Catalog, **patterns: str) -> set[str]:
    return {entry.study.study_uid for entry in catalog.search(StudyQuery.of(patterns))}


def test_recording_tells_new_changed_and_same_studies_apart(catalog: Catalog) -> None:
    first = [make_study("1"), make_study("2"), make_study("3")]
    assert catalog.record("pacs", first, now=1.0) == Changes(new=3)
    second = [make_study("1"), make_study("2", instance_count=4), make_study("4")]
    assert catalog.record("pacs", second, now=2.0) == Changes(new=1, changed=1, same=1)
    assert catalog.entries("2") == [Entry(archive="pacs", study=make_study("2", instance_count=4))]


def test_every_attribute_comes_back_as_the_archive_told_it(catalog: Catalog) -> None:
    study = make_study(
        patient_name="Yamada^Tarou=山田^太郎=やまだ^たろう",
        issuer="HOSPITAL",
        birth_date="19700101",
        sex="O",
        study_time="101112.5",
        study_id="S",
        description="Schädel",
        referring_physician="Müller^A",
        modalities=("CT", "SR"),
    )
    catalog.record("pacs", [study], now=1.0)
    assert [entry.study for entry in catalog.entries(study.study_uid)] == [study]


def test_text_no_database_can_hold_is_kept_with_replacements(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study(description="a\0b\ud800c")], now=1.0)
    assert catalog.entries("1.2.3")[0].study.description == "a�b�c"
    assert catalog.record("pacs", [make_study(description="a\0b\ud800c")], now=1.0) == Changes(same=1)


def test_a_study_in_two_archives_has_two_entries(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study()], now=1.0)
    catalog.record("disk", [make_study(instance_count=1)], now=1.0)
    assert [entry.archive for entry in catalog.entries("1.2.3")] == ["disk", "pacs"]
    assert catalog.forget("disk", ["1.2.3", "unknown"], now=2.0) == 1
    assert [entry.archive for entry in catalog.entries("1.2.3")] == ["pacs"]


def test_known_tells_what_an_archive_had_in_a_window_of_dates(catalog: Catalog) -> None:
    dates = {"1": "20240101", "2": "20240131", "3": "20240201", "4": "", "5": "last week"}
    catalog.record("pacs", [make_study(uid, study_date=date) for uid, date in dates.items()], now=1.0)
    catalog.record("disk", [make_study("6", study_date="20240115")], now=1.0)
    assert catalog.known("pacs", "20240101", "20240131") == {"1": 3, "2": 3}
    assert catalog.known("pacs", "", "") == {"4": 3, "5": 3}


def test_counts_are_told_for_each_archive(catalog: Catalog) -> None:
    assert catalog.counts() == []
    catalog.record("pacs", [make_study("1", instance_count=5), make_study("2", instance_count=7)], now=1.0)
    catalog.record("disk", [make_study("1", instance_count=1)], now=1.0)
    assert catalog.counts() == [
        Count(archive="disk", studies=1, instances=1),
        Count(archive="pacs", studies=2, instances=12),
    ]


def test_search_narrows_by_each_of_the_selective_keys(catalog: Catalog) -> None:
    catalog.record(
        "pacs",
        [
            make_study("1", patient_id="P1", patient_name="Müller^Anna", accession_number="A1", study_date="20240101"),
            make_study(
                "2", patient_id="P2", patient_name="Yamada^T=山田^太郎", accession_number="A2", study_date="20240202"
            ),
        ],
        now=1.0,
    )
    assert uids(catalog, StudyInstanceUID="1\\9") == {"1"}
    assert uids(catalog, PatientID="p1") == {"1"}
    assert uids(catalog, AccessionNumber="A?") == {"1", "2"}
    assert uids(catalog, PatientName="MULLER*") == {"1"}
    assert uids(catalog, PatientName="山*") == {"2"}
    assert uids(catalog, StudyDate="20240101-20240131") == {"1"}
    assert uids(catalog, PatientID="P1", StudyDate="20240202") == set()
    assert uids(catalog, StudyDescription="whatever the caller filters by") == {"1", "2"}
    assert uids(catalog) == {"1", "2"}


def test_search_pages_through_any_number_of_studies(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "PAGE", 3)
    monkeypatch.setattr(module, "FIRST", 2)
    monkeypatch.setattr(module, "WINDOW", 4)
    catalog.record("pacs", [make_study(str(n)) for n in range(10)], now=1.0)
    everything = {str(n) for n in range(10)}
    assert uids(catalog) == uids(catalog, PatientID="P-1") == everything
    monkeypatch.setattr(module, "MAX_SELECTED", 5)
    assert uids(catalog, PatientID="P-1") == everything
    assert len(list(catalog.search(StudyQuery(), limit=4))) == 4


def test_studies_can_be_recorded_while_a_search_is_read(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "PAGE", 1)
    monkeypatch.setattr(module, "FIRST", 1)
    catalog.record("pacs", [make_study("1"), make_study("2")], now=1.0)
    search = catalog.search(StudyQuery.of({"PatientID": "P-1"}))
    assert next(search).study.study_uid == "1"
    catalog.forget("pacs", ["2"], now=1.0)
    catalog.record("pacs", [make_study("3")], now=1.0)
    assert "2" not in {entry.study.study_uid for entry in search}


def test_a_malformed_date_is_a_bad_query(catalog: Catalog) -> None:
    with pytest.raises(BadQuery):
        StudyQuery.of({"StudyDate": "yesterday"})


def test_harvest_state_is_kept_for_each_archive(catalog: Catalog) -> None:
    assert catalog.harvest_state("pacs") == HarvestState()
    state = HarvestState(cursor="20240101", last_ok=5.5, last_error="unreachable.archive", failures=2)
    catalog.set_harvest_state("pacs", state)
    catalog.set_harvest_state("disk", HarvestState(failures=1))
    assert catalog.harvest_state("pacs") == state


def test_a_forgotten_archive_leaves_no_studies_and_no_harvest_state(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study("1"), make_study("2")], now=1.0)
    catalog.set_harvest_state("pacs", HarvestState(cursor="x"))
    assert catalog.forget_archive("pacs", now=2.0) == 2
    assert (catalog.counts(), catalog.harvest_state("pacs")) == ([], HarvestState())


def test_a_large_archive_is_forgotten_in_parts(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study(str(number)) for number in range(5)], now=1.0)
    catalog.set_harvest_state("pacs", HarvestState(cursor="x"))
    assert [catalog.forget_archive("pacs", now=2.0, limit=2) for _ in range(2)] == [2, 2]
    assert catalog.harvest_state("pacs").cursor == "x"
    assert [catalog.forget_archive("pacs", now=2.0, limit=2) for _ in range(2)] == [1, 0]
    assert (catalog.counts(), catalog.harvest_state("pacs")) == ([], HarvestState())


def test_the_day_some_studies_back_is_told_for_each_archive(catalog: Catalog) -> None:
    days = ("20270103", "20270102", "20270102", "20270101", "", "20261231")
    found = [Study(study_uid=f"1.{number}", study_date=day) for number, day in enumerate(days)]
    catalog.record("pacs", found, now=0.0)
    catalog.record("other", [Study(study_uid="1.9", study_date="20260101")], now=0.0)
    assert [catalog.day_back("pacs", "20270103", count) for count in (1, 3, 4)] == ["20270102", "20270101", "20261231"]
    assert catalog.day_back("pacs", "20270103", 5) == ""
