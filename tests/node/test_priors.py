from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from idas_p2p.errors import NoSuchThing, PeerUnreachable
from idas_p2p.node.prior_rules import PriorBook, PriorRule
from idas_p2p.node.priors import ATTEMPTS, Priors, throttled
from idas_p2p.store.arrivals import Arrivals
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import RetrieveEvent, Total
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tests.directory.network import ManualClock
from tests.directory.virtual import in_virtual_time
from tests.node.nodes import make_instance
from tests.node.vaults import MemoryVault
from tests.store.makers import make_study

HOLDER = NodeId(bytes(32))
TODAY = 1_800_000_000.0  # 2027-01-15
NEW = make_study("1.1", issuer="CITY", study_date="20270115")


class Federation:
    """Shows some studies, and notes what is fetched."""

    def __init__(self, *studies: Study) -> None:
        self.studies, self.brought = studies, list[str]()
        self.fails = 0

    async def find(self, query: StudyQuery) -> AsyncIterator[tuple[Study, NodeId]]:
        for study in self.studies:
            yield study, HOLDER

    async def bring(self, study: Study, holder: NodeId, rule: PriorRule) -> None:
        if self.fails:
            self.fails -= 1
            raise PeerUnreachable
        self.brought.append(study.study_uid)


Make = Callable[..., tuple[Priors, Federation]]


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


@pytest.fixture
def make(database: Database, catalog: Catalog, clock: ManualClock) -> Make:
    def make(*rules: PriorRule, held: tuple[str, ...] = ()) -> tuple[Priors, Federation]:
        book = PriorBook(MemoryVault())
        for rule in rules:
            book.add(rule)
        clock.advance(TODAY - clock.now())
        federation = Federation(*(make_study(f"2.{n}", issuer="CITY", study_date=f"202{n}0101") for n in range(4, 7)))
        priors = Priors(
            book,
            Arrivals(database),
            catalog,
            is_here=lambda uid: uid in held or uid in federation.brought,
            find=federation.find,
            bring=federation.bring,
            clock=clock,
        )
        return priors, federation

    return make


async def test_a_new_study_is_looked_at_once(make: Make, catalog: Catalog) -> None:
    priors, federation = make(PriorRule(count=2), held=("2.6",))
    catalog.record("pacs", [NEW], now=TODAY)
    assert priors.waiting == 1
    await priors.turn()
    assert federation.brought == ["2.5"]
    await priors.turn()
    assert (federation.brought, priors.waiting) == (["2.5"], 0)


async def test_without_rules_nothing_is_noted(make: Make, catalog: Catalog) -> None:
    priors, _ = make()
    catalog.record("pacs", [NEW], now=TODAY)
    assert priors.waiting == 0


async def test_what_fails_is_tried_again_and_left_in_the_end(make: Make, catalog: Catalog, clock: ManualClock) -> None:
    priors, federation = make(PriorRule(count=1))
    federation.fails = 1
    catalog.record("pacs", [NEW], now=TODAY)
    await priors.turn()
    await priors.turn()
    assert federation.brought == []
    clock.advance(200.0)
    await priors.turn()
    assert (federation.brought, priors.waiting) == (["2.6"], 0)
    federation.fails = 99
    catalog.record("pacs", [make_study("1.3", issuer="CITY", study_date="20270115")], now=TODAY)
    federation.brought.clear()
    for _ in range(ATTEMPTS):
        await priors.turn()
        clock.advance(10_000.0)
    assert priors.waiting == 0


async def test_outside_the_hours_of_a_rule_nothing_is_fetched(make: Make, catalog: Catalog, clock: ManualClock) -> None:
    hour = time.localtime(TODAY).tm_hour
    priors, federation = make(PriorRule(hours=f"{(hour + 2) % 24:02}:00-{(hour + 3) % 24:02}:00", count=1))
    catalog.record("pacs", [NEW], now=TODAY)
    await priors.turn()
    assert (federation.brought, priors.waiting) == ([], 1)
    clock.advance(2 * 3_600.0)
    await priors.turn()
    assert federation.brought == ["2.6"]


async def test_it_can_be_asked_what_would_happen_and_nothing_does(make: Make, catalog: Catalog) -> None:
    priors, federation = make(PriorRule(modalities=("MR",)), PriorRule(count=1), held=("2.6",))
    with pytest.raises(NoSuchThing):
        await priors.explain("1.1")
    catalog.record("pacs", [NEW], now=TODAY)
    told = await priors.explain("1.1")
    assert told["rule"] == 2
    assert [(one["study_uid"], one["why"]) for one in told["priors"]] == [
        ("2.6", "is here already"),
        ("2.5", "only the newest 1 are taken"),
        ("2.4", "only the newest 1 are taken"),
    ]
    assert federation.brought == []


async def test_a_study_that_no_rule_is_about_has_no_priors(make: Make, catalog: Catalog) -> None:
    priors, _ = make(PriorRule(modalities=("MR",)))
    catalog.record("pacs", [NEW], now=TODAY)
    assert await priors.explain("1.1") == {"rule": 0, "to": "", "priors": []}
    await priors.turn()
    assert priors.waiting == 0


@in_virtual_time
async def test_images_come_no_faster_than_a_rule_allows() -> None:
    events: list[RetrieveEvent] = [Total(2), make_instance(1, size=10_000), make_instance(2, size=10_000)]

    async def source() -> AsyncIterator[RetrieveEvent]:
        for event in events:
            yield event

    loop = asyncio.get_running_loop()
    begin = loop.time()
    assert [event async for event in throttled(source(), mbit=2.0)] == events
    assert loop.time() - begin >= 0.08  # 20,000 bytes at 2 Mbit/s, in virtual time
    assert [event async for event in throttled(source(), mbit=0.0)] == events
