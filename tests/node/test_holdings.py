from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from idas_p2p.access.compiled import Policy
from idas_p2p.access.labels import Labelled
from idas_p2p.access.levels import FULL, NONE, OBSCURED, parse_level
from idas_p2p.access.objects import Objects, Patient
from idas_p2p.access.policy import Rule
from idas_p2p.access.subjects import Requester, parse_subject
from idas_p2p.access.tickets import TicketOffice
from idas_p2p.errors import (
    ArchiveFailed,
    ArchiveUnreachable,
    MalformedInstance,
    StudyNotFound,
    TicketRefused,
    TooManyMatches,
)
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.sources import ArchiveSource
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.wire.fetching import FetchRequest
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.level import Level
from idas_p2p.wire.messages import Hit
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tests.directory.network import ManualClock
from tests.node.levels import levelling_in_memory
from tests.node.nodes import STUDY, data_of, failed_in, make_instance
from tests.node.shelving import shelves_in_memory

BERG = Requester(node_id=NodeId(b"b" * 32), institution="Berg", user="dr-lee")
CARL = Requester(node_id=NodeId(b"c" * 32), institution="Carl")


ANNA = Requester(node_id=NodeId(b"a" * 32), institution="Anna", is_own=True)


def rule(subject: str, level: Level, **objects: Any) -> Rule:
    return Rule(subjects=(parse_subject(subject),), level=level, objects=Objects(**objects))


@dataclass
class Rules:
    """Rules that a test changes."""

    rules: list[Rule]
    labelled: Labelled = field(default_factory=Labelled)
    version: int = 1

    @property
    def policy(self) -> Policy:
        return Policy(self.rules)


@dataclass
class Counting(Rules):
    """Rules that count how often somebody decided by them."""

    decided: int = 0

    def __post_init__(self) -> None:
        counting = self

        class Counted(Policy):
            def decide(self, *args: Any, **options: Any) -> Any:
                counting.decided += 1
                return super().decide(*args, **options)

        self._policy = Counted(self.rules)

    @property
    def policy(self) -> Policy:
        return self._policy


class NoGroups:
    async def of(self, requester: Requester) -> Requester:
        return requester

    def known(self, requester: Requester) -> Requester:
        return requester

    def own(self, user: str) -> Requester:
        return replace(ANNA, user=user)


class Archives:
    """Archives that give what they are told to, by name."""

    def __init__(self, **archives: list[RetrieveEvent | Exception]) -> None:
        self._archives = {name: Archive(events) for name, events in archives.items()}

    def get(self, name: str) -> ArchiveSource | None:
        return self._archives.get(name)


@dataclass
class Archive:
    events: list[RetrieveEvent | Exception]
    asked: int = 0  # times

    async def find_studies(self, query: StudyQuery) -> AsyncIterator[Study]:
        raise ArchiveUnreachable
        yield

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        return [(event.series_uid, event.sop_instance_uid) for event in self.events if isinstance(event, Instance)]

    async def fetch(self, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        self.asked += 1
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            if not isinstance(event, Instance) or selection.includes(
                series_uid=event.series_uid, sop_instance_uid=event.sop_instance_uid
            ):
                yield event


@pytest.fixture
def catalog(database: Database) -> Catalog:
    made = Catalog(database)
    study = Study(study_uid=STUDY, patient_id="P-1", patient_name="Doe^Jane", instance_count=2)
    made.record("big", [study, Study(study_uid="9.9", patient_id="P-2")], now=1.0)
    made.record("small", [replace(study, instance_count=1)], now=1.0)
    return made


@pytest.fixture
def rules() -> list[Rule]:
    return [rule("node:Berg", FULL)]


def holdings(
    catalog: Catalog, clock: ManualClock, rules: Rules | list[Rule] | None = None, **archives: Any
) -> Holdings:
    known = rules if isinstance(rules, Rules) else Rules(rules if rules is not None else [])
    return Holdings(
        catalog,
        Archives(**archives),  # type: ignore[arg-type]
        shelves_in_memory(),
        TicketOffice(bytes(32)),
        rules=known,
        groups=NoGroups(),
        levelling=levelling_in_memory(),
        clock=clock,
    )


async def hits(held: Holdings, who: Requester, *, limit: int = 100, **keys: str) -> list[Hit]:
    return [hit async for hit in held.find(who, StudyQuery.of(keys), limit=limit)]


async def opened(held: Holdings) -> list[RetrieveEvent]:
    return [event async for event in held.open_local(Selection(study_uid=STUDY))]


def request(hit: Hit, study_uid: str) -> FetchRequest:
    return FetchRequest(
        user=BERG.user, ticket=hit.ticket, study_uid=study_uid, series_uids=(), sop_instance_uids=(), mode=0, priority=1
    )


async def test_a_study_is_told_once_as_its_fullest_archive_has_it(catalog: Catalog, clock: ManualClock) -> None:
    held = holdings(catalog, clock)
    async with aclosing(held.own_studies("", StudyQuery.of({"PatientID": "P-1"}))) as studies:
        assert [(study.study_uid, study.instance_count) async for study in studies] == [(STUDY, 2)]
    assert held.instance_count(STUDY) == 2
    assert held.holds(STUDY)
    assert not held.holds("7.7")


async def test_nothing_is_seen_without_a_rule_and_none_looks_like_nothing_there(
    catalog: Catalog, clock: ManualClock, rules: list[Rule]
) -> None:
    held = holdings(catalog, clock, rules)
    assert await hits(held, CARL) == []
    assert {hit.study.study_uid for hit in await hits(held, BERG)} == {STUDY, "9.9"}
    with pytest.raises(TooManyMatches):
        await hits(held, BERG, limit=1)
    assert [hit.study.study_uid for hit in await hits(held, BERG, PatientName="doe*")] == [STUDY]


async def test_none_takes_the_work_of_what_is_not_there(catalog: Catalog, clock: ManualClock) -> None:
    rules = Counting([rule("node:Berg", FULL), rule("node:Dora", OBSCURED)])
    held, decided = holdings(catalog, clock, rules), []
    for patient in ("P-1", "P-404"):
        rules.decided = 0
        assert await hits(held, CARL, PatientID=patient) == []
        decided.append(rules.decided)
    assert decided == [2, 2]  # once for the studies as they are, once for what another level shows


async def test_a_ticket_opens_its_study_for_its_requester_while_the_policy_allows(
    catalog: Catalog, clock: ManualClock, rules: list[Rule]
) -> None:
    held = holdings(catalog, clock, rules)
    (hit,) = await hits(held, BERG, PatientID="P-1")
    await held.check_ticket(request(hit, STUDY), BERG)
    for asked, who in ((request(hit, "9.9"), BERG), (request(hit, STUDY), replace(BERG, user="dr-moss"))):
        with pytest.raises(TicketRefused):
            await held.check_ticket(asked, who)
    rules[:] = [rule("everyone", NONE)]
    with pytest.raises(StudyNotFound):
        await held.check_ticket(request(hit, STUDY), BERG)


async def seen(held: Holdings, who: Requester = BERG) -> set[str]:
    return {hit.study.study_uid for hit in await hits(held, who)}


async def test_a_rule_may_be_about_a_study_a_patient_an_archive_or_a_label(
    catalog: Catalog, clock: ManualClock
) -> None:
    hidden = [
        {"studies": (STUDY,)},
        {"patients": (Patient("p-1"),)},
        {"archives": ("small",)},
        {"labels": ("vip",)},
    ]
    labelled = Labelled(patients=[(Patient("p-1"), "vip")])
    for objects in hidden:
        rules = [rule("everyone", NONE, **objects), rule("everyone", FULL)]
        assert await seen(holdings(catalog, clock, Rules(rules, labelled))) == {"9.9"}
        assert await seen(holdings(catalog, clock, Rules([rule("everyone", FULL, **objects)], labelled))) == {STUDY}


async def test_none_is_answered_as_a_study_that_does_not_exist_is(catalog: Catalog, clock: ManualClock) -> None:
    rules = [rule("everyone", FULL)]
    held = holdings(catalog, clock, rules)
    (hit,) = await hits(held, BERG, PatientID="P-1")
    rules[:] = [rule("everyone", NONE, studies=(STUDY,)), rule("everyone", FULL)]
    catalog.forget("big", ["9.9"], now=2.0)
    gone = held._tickets.issue(BERG, "9.9", FULL, now=clock.now())
    refusals = []
    for asked in (request(hit, STUDY), replace(request(hit, "9.9"), ticket=gone)):
        with pytest.raises(StudyNotFound) as refused:
            await held.check_ticket(asked, BERG)
        refusals.append((type(refused.value), refused.value.args))
    assert refusals[0] == refusals[1]
    assert await hits(held, BERG, StudyInstanceUID=STUDY) == await hits(held, BERG, StudyInstanceUID="9.9") == []


async def test_guessing_uids_without_a_ticket_tells_nothing(catalog: Catalog, clock: ManualClock) -> None:
    held = holdings(catalog, clock, [rule("everyone", FULL)])
    (hit,) = await hits(held, BERG, PatientID="P-1")
    forged = replace(hit, ticket=replace(hit.ticket, mac=bytes(16)))
    answers = set()
    for uid in (STUDY, "9.9", "7.7.7"):
        with pytest.raises(TicketRefused) as refused:
            await held.check_ticket(request(forged, uid), BERG)
        answers.add(refused.value.args)
    assert answers == {("not_ours",)}


async def test_a_ticket_of_another_level_than_the_policy_gives_now_is_refused(
    catalog: Catalog, clock: ManualClock
) -> None:
    law = parse_level("law", {"base": "full", "remove": ["PatientSex"]})
    rules = [rule("everyone", FULL)]
    held = holdings(catalog, clock, rules)
    (hit,) = await hits(held, BERG, PatientID="P-1")
    rules[:] = [rule("everyone", law)]
    with pytest.raises(TicketRefused, match="other_level"):
        await held.check_ticket(request(hit, STUDY), BERG)
    with pytest.raises(TicketRefused, match="not_ours"):
        await held.check_ticket(request(replace(hit, ticket=replace(hit.ticket, level=law.mark)), STUDY), BERG)


async def test_own_users_see_everything_until_a_rule_names_them(catalog: Catalog, clock: ManualClock) -> None:
    rules = [rule("everyone", NONE)]
    held = holdings(catalog, clock, rules)
    assert held.own_level("dr-lee", STUDY) == FULL
    rules[:] = [rule("user:dr-lee@Anna", FULL, archives=("small",)), rule("node:Anna", NONE)]
    assert (held.own_level("dr-lee", STUDY), held.own_level("dr-lee", "9.9")) == (FULL, NONE)
    assert [study.study_uid async for study in held.own_studies("dr-lee", StudyQuery())] == [STUDY]
    assert [study async for study in held.own_studies("dr-moss", StudyQuery())] == []


ONE, TWO = make_instance(1), make_instance(2)


async def test_what_comes_to_an_own_user_ends_when_a_rule_takes_it(catalog: Catalog, clock: ManualClock) -> None:
    rules = Rules([])
    held = holdings(catalog, clock, rules, big=[Total(2), ONE, TWO])
    async with aclosing(held.open_own("dr-lee", Selection(study_uid=STUDY))) as events:
        assert isinstance(await anext(events), Total)
        rules.rules, rules.version = [rule("user:dr-moss@Anna", NONE)], 2
        assert await anext(events) == ONE
        rules.rules, rules.version = [rule("user:dr-lee@Anna", NONE)], 3
        with pytest.raises(StudyNotFound):
            await anext(events)


async def test_the_fullest_archive_gives_the_study(catalog: Catalog, clock: ManualClock) -> None:
    events = await opened(holdings(catalog, clock, big=[Total(2), ONE, TWO], small=[ArchiveFailed()]))
    assert list(data_of(events)) == [ONE.sop_instance_uid, TWO.sop_instance_uid]


@pytest.mark.parametrize("begun", [[], [Total(2)], [Total(2), TWO]])
async def test_the_next_archive_completes_what_one_broke_off(
    catalog: Catalog, clock: ManualClock, begun: list[RetrieveEvent]
) -> None:
    broken = [*begun, InstanceFailed(sop_instance_uid=ONE.sop_instance_uid, reason=MalformedInstance())]
    held = holdings(catalog, clock, big=[*broken, ArchiveUnreachable()], small=[Total(2), ONE, TWO])
    events = await opened(held)
    assert set(data_of(events)) == {ONE.sop_instance_uid, TWO.sop_instance_uid}
    assert failed_in(events) == []


async def test_the_failure_of_the_last_archive_is_told(catalog: Catalog, clock: ManualClock) -> None:
    with pytest.raises(ArchiveFailed):
        await opened(holdings(catalog, clock, big=[ArchiveUnreachable()], small=[ONE, ArchiveFailed()]))


async def test_an_archive_that_has_nothing_left_does_not_make_half_a_study_whole(
    catalog: Catalog, clock: ManualClock
) -> None:
    with pytest.raises(ArchiveUnreachable):
        await opened(holdings(catalog, clock, big=[ONE, ArchiveUnreachable()], small=[Total(0)]))


async def test_a_study_split_over_two_archives_is_united(catalog: Catalog, clock: ManualClock) -> None:
    held = holdings(catalog, clock, big=[Total(1), ONE], small=[Total(1), TWO])
    async with held.open_listed(BERG, Selection(study_uid=STUDY)) as lease:
        events = [event async for event in lease.events()]
        assert list(data_of(events)) == [ONE.sop_instance_uid, TWO.sop_instance_uid]
        assert (await lease.instance(TWO.sop_instance_uid)).data.read() == TWO.data.read()
    assert list(data_of(await opened(held))) == list(data_of(events))


async def test_members_and_our_own_users_who_ask_at_the_same_time_share_one_pull(
    catalog: Catalog, clock: ManualClock
) -> None:
    held = holdings(catalog, clock, big=[Total(2), ONE, TWO])
    archive = held._sources.get("big")
    assert isinstance(archive, Archive)
    wanted = Selection(study_uid=STUDY)
    async with held.open_listed(CARL, wanted) as lease, aclosing(held.open_study(BERG, wanted)) as events:  # type: ignore[type-var]
        assert isinstance(await anext(events), Total)
        assert set(data_of(await opened(held))) == {ONE.sop_instance_uid, TWO.sop_instance_uid}
        assert len(data_of([event async for event in events])) == 2
        assert len(data_of([event async for event in lease.events()])) == 2
    assert archive.asked == 1
    await opened(held)
    assert archive.asked == 2


async def test_a_study_that_no_archive_gives_is_not_found(catalog: Catalog, clock: ManualClock) -> None:
    with pytest.raises(StudyNotFound):
        await opened(holdings(catalog, clock, big=[Total(0)], small=[Total(0)]))
    with pytest.raises(StudyNotFound):
        await opened(holdings(catalog, clock))
