from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.matching import matches
from idas_p2p.errors import AnswerTooLarge, ArchiveUnreachable, DatabaseBusy
from idas_p2p.node import harvest
from idas_p2p.node.harvest import LONGEST_BACK_OFF, SHORTEST_WATCH, Harvester, back_off, closed_for, pause_after
from idas_p2p.node.sources import Sources
from idas_p2p.store.catalog import Catalog, HarvestState
from idas_p2p.store.database import Database
from idas_p2p.store.objects import ObjectStore
from idas_p2p.store.settings import Archive
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address
from idas_p2p.wire.instance import RetrieveEvent, Selection
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tests.directory.network import ManualClock
from tests.node.nodes import until

PACS = Archive(name="pacs", aet="PACS", address=Address("127.0.0.1", 104))


class Shelf:
    """An archive in memory that answers queries as an archive does, and can be made to fail."""

    def __init__(self, *studies: Study) -> None:
        self.studies = {study.study_uid: study for study in studies}
        self.asked: list[str] = []
        self.brought: list[str] = []  # by the last query
        self.failure: Exception | None = None
        self.fails_after = 0  # answers of each query
        self.at_once = self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def find_studies(self, query: StudyQuery) -> AsyncIterator[Study]:
        self.asked.append(query.pattern("StudyDate"))
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await self.gate.wait()
            answers = [study for study in self.studies.values() if matches(query, study)]
            self.brought = [study.study_uid for study in answers]
            for number, study in enumerate(answers):
                if self.failure and number >= self.fails_after:
                    raise self.failure
                yield study
            if self.failure:
                raise self.failure
        finally:
            self.at_once -= 1

    async def fetch(self, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        raise ArchiveUnreachable
        yield


def dated(*dates: str) -> list[Study]:
    return [Study(study_uid=f"1.{number}", study_date=date) for number, date in enumerate(dates, 1)]


STUDIES = dated("20270110", "20261001", "20190101", "19991231", "18990101", "")


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


@pytest.fixture
def sources(database: Database, tmp_path: Path, bridge: Bridge, clock: ManualClock) -> Sources:
    objects = ObjectStore(tmp_path / "objects", database)
    return Sources("IDAS", objects, bridge=bridge, inbound=Inbound(), receive_folder=tmp_path / "receive", clock=clock)


@pytest.fixture
def harvester(sources: Sources, catalog: Catalog, clock: ManualClock, tasks: TaskOwner) -> Harvester:
    return Harvester(sources, catalog, clock=clock, tasks=tasks)


def held(catalog: Catalog) -> set[str]:
    return {entry.study.study_uid for entry in catalog.search(StudyQuery())}


def test_the_pause_after_failures_doubles_up_to_a_limit() -> None:
    assert [back_off(n, 5.0) for n in (1, 2, 3)] == [10.0, 20.0, 40.0]
    assert back_off(50, 5.0) == LONGEST_BACK_OFF
    assert back_off(3, 7_200.0) == 7_200.0


def test_a_folder_is_looked_at_as_often_as_that_is_cheap() -> None:
    folder = replace(PACS, kind="folder", folder="/srv/images")
    assert pause_after(PACS, 0.01) == PACS.poll_seconds
    assert pause_after(folder, 0.01) == SHORTEST_WATCH
    assert pause_after(folder, 1.0) == 20.0
    assert pause_after(folder, 100.0) == folder.poll_seconds


async def test_an_archive_that_is_not_large_is_asked_for_everything_at_once(
    harvester: Harvester, catalog: Catalog
) -> None:
    shelf = Shelf(*STUDIES)
    await harvester.harvest(PACS, shelf)
    assert shelf.asked == [""]
    assert held(catalog) == {study.study_uid for study in STUDIES}


async def test_a_large_archive_is_read_by_windows_and_studies_of_any_date_are_found(
    harvester: Harvester, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harvest, "FIRST_LOOK", 2)
    shelf = Shelf(*STUDIES)
    await harvester.harvest(PACS, shelf)
    assert shelf.asked[0] == shelf.asked[-1] == ""
    assert len(shelf.asked) > 5
    assert held(catalog) == {study.study_uid for study in STUDIES}


async def test_a_first_harvest_that_is_cut_off_goes_on_where_it_stopped(
    harvester: Harvester, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harvest, "FIRST_LOOK", 2)
    shelf = Shelf(*STUDIES)
    await harvester.harvest(PACS, shelf)
    windows, shelf.asked = shelf.asked[1:], []
    catalog.forget_archive("pacs", now=0.0)
    catalog.set_harvest_state("pacs", HarvestState())

    async def failing(query: StudyQuery) -> AsyncIterator[Study]:
        if len(shelf.asked) == 5:
            raise ArchiveUnreachable
        async for study in Shelf.find_studies(shelf, query):
            yield study

    with monkeypatch.context() as patch:
        patch.setattr(shelf, "find_studies", failing)
        with pytest.raises(ArchiveUnreachable):
            await harvester.harvest(PACS, shelf)
    shelf.asked.clear()
    await harvester.harvest(PACS, shelf)
    assert shelf.asked == [windows[0], *windows[4:]]
    assert held(catalog) == {study.study_uid for study in STUDIES}


async def test_a_small_archive_is_read_whole_from_then_on(harvester: Harvester, catalog: Catalog) -> None:
    shelf = Shelf(*STUDIES)
    await harvester.harvest(PACS, shelf)
    shelf.asked.clear()
    del shelf.studies["1.3"]
    shelf.studies["1.1"] = replace(shelf.studies["1.1"], description="changed")
    await harvester.harvest(PACS, shelf)
    assert shelf.asked == [""]
    assert "1.3" not in held(catalog)
    assert catalog.entries("1.1")[0].study.description == "changed"


async def test_nothing_vanishes_when_an_answer_breaks_off(harvester: Harvester, catalog: Catalog) -> None:
    shelf = Shelf(*STUDIES)
    await harvester.harvest(PACS, shelf)
    shelf.failure, shelf.fails_after = ArchiveUnreachable(), 2
    with pytest.raises(ArchiveUnreachable):
        await harvester.harvest(PACS, shelf)
    assert held(catalog) == {study.study_uid for study in STUDIES}


async def test_looking_again_asks_for_the_newest_and_a_few_older_until_everything_was_seen(
    harvester: Harvester, catalog: Catalog
) -> None:
    shelf = Shelf(*spread(401), Study(study_uid="2.1"))
    await harvester.harvest(PACS, shelf)
    del shelf.studies["1.300"]
    shelf.studies["1.1"] = replace(shelf.studies["1.1"], description="changed")
    rounds = 0
    while rounds == 0 or catalog.harvest_state("pacs").cursor:
        shelf.asked.clear()
        await harvester.harvest(PACS, shelf)
        rounds += 1
        assert len(shelf.asked) == 2
        assert catalog.entries("1.1")[0].study.description == "changed"
        assert catalog.harvest_state("pacs").cursor == "" or len(shelf.brought) <= 50
    assert rounds > 10
    assert held(catalog) == set(shelf.studies)


async def test_a_window_that_holds_too_much_is_read_in_halves(
    harvester: Harvester, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(*dated(*(f"2026{month:02}15" for month in range(1, 13))))

    async def limited(query: StudyQuery) -> AsyncIterator[Study]:
        count = 0
        async for study in Shelf.find_studies(shelf, query):
            if count == 4:
                raise AnswerTooLarge("more than 4")
            count += 1
            yield study

    monkeypatch.setattr(shelf, "find_studies", limited)
    await harvester.harvest(PACS, shelf)
    assert held(catalog) == set(shelf.studies)
    assert catalog.harvest_state("pacs").failures == 0


async def test_one_query_at_a_time_also_while_the_configuration_changes(
    harvester: Harvester, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(*STUDIES)
    shelf.gate.clear()
    monkeypatch.setattr(sources, "_make", lambda archive: shelf)
    for aet in ("PACS", "PACS2", "PACS3"):
        sources.configure([replace(PACS, aet=aet)])
        harvester.configure()
        await until(lambda: shelf.at_once == 1)
    shelf.gate.set()
    await until(lambda: "" in shelf.asked)
    assert shelf.most_at_once == 1


async def test_an_archive_that_is_down_or_a_busy_database_costs_nobody_else(
    harvester: Harvester, sources: Sources, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves = {"down": Shelf(), "busy": Shelf(), "good": Shelf(*STUDIES)}
    shelves["down"].failure, shelves["busy"].failure = ArchiveUnreachable(), DatabaseBusy()
    monkeypatch.setattr(sources, "_make", lambda archive: shelves[archive.name])
    sources.configure([replace(PACS, name=name) for name in shelves])
    harvester.configure()
    await until(lambda: len(held(catalog)) == len(STUDIES) and catalog.harvest_state("down").failures == 1)
    assert catalog.harvest_state("down").last_error == ArchiveUnreachable.code
    assert catalog.harvest_state("busy").failures == 0
    assert catalog.harvest_state("good").last_ok


async def test_the_studies_of_an_archive_that_was_removed_are_forgotten(
    harvester: Harvester, sources: Sources, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(*STUDIES)
    monkeypatch.setattr(sources, "_make", lambda archive: shelf)
    sources.configure([PACS])
    harvester.configure()
    await until(lambda: bool(catalog.harvest_state("pacs").last_ok))
    sources.configure([])
    harvester.configure()
    await until(lambda: held(catalog) == set() and not catalog.harvest_state("pacs").last_ok)


async def test_an_archive_that_comes_back_while_it_is_being_forgotten_is_read_anew(
    harvester: Harvester, sources: Sources, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harvest, "FORGOTTEN_AT_ONCE", 1)
    shelf = Shelf(*STUDIES)
    monkeypatch.setattr(sources, "_make", lambda archive: shelf)
    sources.configure([PACS])
    harvester.configure()
    await until(lambda: bool(catalog.harvest_state("pacs").last_ok))
    sources.configure([])
    harvester.configure()
    sources.configure([PACS])
    harvester.configure()
    await until(lambda: len(shelf.asked) >= 2 and bool(catalog.harvest_state("pacs").last_ok))
    assert held(catalog) == {study.study_uid for study in STUDIES}


class Capped(Shelf):
    """An archive that answers with so many studies at most, and says nothing about the rest, or that there is more."""

    def __init__(self, *studies: Study, cap: int, is_loud: bool = False) -> None:
        super().__init__(*studies)
        self.cap, self.is_loud = cap, is_loud

    async def find_studies(self, query: StudyQuery) -> AsyncIterator[Study]:
        count = 0
        async for study in super().find_studies(query):
            if count == self.cap:
                if self.is_loud:
                    raise AnswerTooLarge
                return
            count += 1
            yield study


def spread(count: int) -> list[Study]:
    """Studies of two a day, back from a day of the clock's."""
    newest = datetime.date(2027, 1, 10)
    return dated(*(f"{newest - datetime.timedelta(days=number // 2):%Y%m%d}" for number in range(count)))


@pytest.mark.parametrize("is_loud", [False, True])
async def test_an_archive_that_caps_its_answers_is_read_whole_all_the_same(
    harvester: Harvester, catalog: Catalog, is_loud: bool
) -> None:
    shelf = Capped(*spread(330), cap=50, is_loud=is_loud)
    for _ in range(2):  # also when it is small enough to be asked for everything
        await harvester.harvest(PACS, shelf)
        assert held(catalog) == set(shelf.studies)
    del shelf.studies["1.300"]
    for _ in range(40):  # until every window had its turn
        await harvester.harvest(PACS, shelf)
    assert held(catalog) == set(shelf.studies)


async def test_a_round_number_of_studies_costs_a_closer_look_and_no_more(
    harvester: Harvester, catalog: Catalog
) -> None:
    shelf = Shelf(*spread(100))
    await harvester.harvest(PACS, shelf)
    shelf.asked.clear()
    await harvester.harvest(PACS, shelf)
    assert len(shelf.asked) == 2
    assert shelf.asked[0] == ""
    shelf.studies.popitem()
    shelf.studies |= {study.study_uid: replace(study, study_uid="1.2.9") for study in spread(1)}
    await harvester.harvest(PACS, shelf)
    assert held(catalog) == {study.study_uid for study in shelf.studies.values()}


async def test_a_cap_never_lets_a_study_vanish_that_is_there(harvester: Harvester, catalog: Catalog) -> None:
    same_day = [Study(study_uid=f"1.{number}", study_date="20270109") for number in range(1, 81)]
    shelf = Capped(*same_day, cap=50)
    catalog.record("pacs", same_day, now=0.0)
    await harvester.harvest(PACS, shelf)
    assert held(catalog) == set(shelf.studies)
    del shelf.studies["1.80"]
    await harvester.harvest(PACS, shelf)
    assert held(catalog) == set(shelf.studies)


@pytest.mark.parametrize("cap", [100, 128])
async def test_an_archive_that_grows_beyond_its_cap_is_followed(
    harvester: Harvester, catalog: Catalog, clock: ManualClock, cap: int
) -> None:
    studies = spread(cap + 3)[::-1]  # the oldest come first, and are what a cut answer holds
    shelf = Capped(cap=cap)
    for count in range(cap - 2, cap + 4):
        shelf.studies = {study.study_uid: study for study in studies[:count]}
        await harvester.harvest(PACS, shelf)
        assert held(catalog) == set(shelf.studies)


async def test_of_an_answer_that_may_have_been_cut_a_sample_is_asked_for_again(
    harvester: Harvester, catalog: Catalog
) -> None:
    whole = Shelf(*spread(500))
    await harvester.harvest(PACS, whole)
    assert len(whole.asked) == 3
    assert held(catalog) == set(whole.studies)
    catalog.forget_archive("pacs", now=0.0)
    cut = Capped(*sorted(spread(750), key=lambda study: study.study_uid), cap=500)
    await harvester.harvest(PACS, cut)
    assert held(catalog) == set(cut.studies)


def test_an_archive_with_hours_is_left_alone_until_they_come() -> None:
    night = replace(PACS, hours="22:00-06:00")
    at = {hour: time.struct_time((2027, 1, 15, hour, 30, 0, 4, 15, 0)) for hour in (5, 12, 23)}
    assert [closed_for(night, at[hour]) for hour in (5, 12, 23)] == [0.0, 9.5 * 3_600, 0.0]
    assert closed_for(PACS, at[12]) == 0.0
