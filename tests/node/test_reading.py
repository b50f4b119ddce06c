from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from idas_p2p.errors import AnswerTooLarge
from idas_p2p.node.reading import CONFIRMED_AT_ONCE, Reader
from idas_p2p.node.windows import EVERYTHING, Window
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Archive
from idas_p2p.wire.address import Address
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tests.directory.network import ManualClock
from tests.node.test_harvest import Capped, Shelf, held

PACS = Archive(name="pacs", aet="PACS", address=Address("127.0.0.1", 104))
DAY = "20270109"


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


@pytest.fixture
def reader(catalog: Catalog, clock: ManualClock) -> Reader:
    return Reader(catalog, clock=clock)


def of_one_day(count: int) -> list[Study]:
    return [Study(study_uid=f"1.{number}", study_date=DAY) for number in range(1, count + 1)]


async def test_a_window_brings_what_is_new_and_lets_go_what_is_gone(reader: Reader, catalog: Catalog) -> None:
    shelf = Shelf(*of_one_day(3))
    assert await reader.read(PACS, shelf, Window("20270101", DAY)) == set(shelf.studies)
    del shelf.studies["1.2"]
    await reader.read(PACS, shelf, Window("20270101", DAY))
    assert held(catalog) == {"1.1", "1.3"}


async def test_more_than_a_limit_is_no_whole_answer_and_what_came_stays(reader: Reader, catalog: Catalog) -> None:
    shelf = Shelf(*of_one_day(5))
    assert not await reader.read_everything(PACS, shelf, limit=3)
    assert len(held(catalog)) <= 5
    assert await reader.read_everything(PACS, shelf, limit=5)
    assert held(catalog) == set(shelf.studies)


async def test_what_a_cut_answer_lacks_is_asked_for_by_name_before_it_is_let_go(
    reader: Reader, catalog: Catalog
) -> None:
    studies = of_one_day(50 + CONFIRMED_AT_ONCE)
    shelf = Capped(*studies, cap=50)
    catalog.record("pacs", studies, now=0.0)
    del shelf.studies["1.99"]
    assert not await reader.read_everything(PACS, shelf)  # it holds more than it says
    assert reader.needs_closer_look("pacs")
    assert held(catalog) == set(shelf.studies)


async def test_a_day_that_is_refused_as_too_much_keeps_what_is_known(reader: Reader, catalog: Catalog) -> None:
    catalog.record("pacs", of_one_day(2), now=0.0)

    class Refusing(Shelf):
        async def find_studies(self, query: StudyQuery) -> AsyncIterator[Study]:
            if not query.pattern("StudyInstanceUID"):
                raise AnswerTooLarge
            async for study in super().find_studies(query):
                yield study

    shelf = Refusing(*of_one_day(1))
    await reader.read(PACS, shelf, Window("20270101", DAY))
    assert held(catalog) == {"1.1"}
    assert not await reader.read_everything(PACS, shelf)
    reader.forget("pacs")
    assert EVERYTHING.halves() is None
