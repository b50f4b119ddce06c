"""Groups count as far as tokens prove them, and no longer."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from idas_p2p.access.blinding import Blinder
from idas_p2p.access.compiled import Policy
from idas_p2p.access.levels import FULL
from idas_p2p.access.policy import Rule
from idas_p2p.access.subjects import Requester, parse_subject
from idas_p2p.access.tokens import Belonging, token_record
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import DirectoryUnreachable
from idas_p2p.node.groupings import FRESH, HELD, Groupings
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Group, Settings
from idas_p2p.wire.federation import Secrets
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.records import Record
from tests.access.region import ANNA, BERT, CARL
from tests.directory.network import ManualClock

BLINDER = Blinder(Secrets(read=b"r" * 32, write=b"w" * 32, psk=b"p" * 32))
ASKS = Requester(node_id=BERT.node_id, institution="Bert", user="dr.b")
IN_LAKE = Belonging(member=BERT.node_id, group="Lake")
VOUCHES = Belonging(member=BERT.node_id, group="Radiology", vouches=True)
USER = Belonging(member=BERT.node_id, group="Radiology", user="dr.b")


@dataclass
class Shelf:
    """A directory that has what a test puts there."""

    records: dict[bytes, list[Record]] = field(default_factory=dict)
    is_silent: bool = False
    reads: int = 0

    def put(self, record: Record) -> None:
        here = self.records.setdefault(record.key, [])
        here[:] = [one for one in here if one.writer != record.writer] + [record]

    async def get(self, key: bytes) -> list[Record]:
        self.reads += 1
        if self.is_silent:
            raise DirectoryUnreachable
        return self.records.get(key, [])


class Members:
    def admins(self) -> tuple[NodeId, ...]:
        return (ANNA.node_id,)

    def blinders(self, *, now: float) -> list[Blinder]:
        return [BLINDER]


@dataclass
class Rules:
    policy: Policy


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def groupings(database: Database, clock: ManualClock, shelf: Shelf) -> Groupings:
    subjects = tuple(map(parse_subject, ("nodes:Lake", "group:Radiology")))
    rules = Rules(Policy([Rule(subjects=subjects, level=FULL)]))
    settings = Settings(database)
    return Groupings(ANNA.node_id, "Anna", settings, federation=Members(), directory=shelf, rules=rules, clock=clock)


def say(
    shelf: Shelf,
    clock: ManualClock,
    about: Belonging,
    *,
    by: SigningKey = ANNA,
    ends: float = 1e6,
    withdrawn: bool = False,
) -> None:
    now = clock.now()
    shelf.put(token_record(by, BLINDER, about, expires=now + ends, withdrawn=withdrawn, now=now))


async def groups(groupings: Groupings, asks: Requester = ASKS) -> tuple[set[str], set[str]]:
    known = await groupings.of(asks)
    return set(known.node_groups), set(known.client_groups)


async def test_a_node_is_in_the_groups_that_an_admin_put_it_into(
    groupings: Groupings, shelf: Shelf, clock: ManualClock
) -> None:
    assert await groups(groupings) == (set(), set())
    clock.advance(FRESH)
    say(shelf, clock, IN_LAKE)
    assert await groups(groupings) == ({"lake"}, set())


async def test_a_user_is_in_a_group_when_its_node_says_so_and_an_admin_lets_it(
    groupings: Groupings, shelf: Shelf, clock: ManualClock
) -> None:
    say(shelf, clock, VOUCHES)
    say(shelf, clock, USER, by=BERT)
    assert await groups(groupings) == (set(), {"radiology"})
    other = Requester(node_id=BERT.node_id, institution="Bert", user="dr.c")
    assert await groups(groupings, other) == (set(), set())
    nobody = Requester(node_id=BERT.node_id, institution="Bert")
    assert await groups(groupings, nobody) == (set(), set())


async def test_an_assertion_for_a_group_the_node_may_not_vouch_for_proves_nothing(
    groupings: Groupings, shelf: Shelf, clock: ManualClock
) -> None:
    say(shelf, clock, USER, by=BERT)
    assert await groups(groupings) == (set(), set())
    say(shelf, clock, VOUCHES, by=BERT)
    clock.advance(FRESH)
    assert await groups(groupings) == (set(), set())


@pytest.mark.parametrize("by", [BERT, CARL])
async def test_a_forged_token_proves_nothing(
    groupings: Groupings, shelf: Shelf, clock: ManualClock, by: SigningKey
) -> None:
    say(shelf, clock, IN_LAKE, by=by)
    say(shelf, clock, VOUCHES)
    say(shelf, clock, USER, by=CARL)
    assert await groups(groupings) == (set(), set())


async def test_an_expired_or_withdrawn_token_proves_nothing(
    groupings: Groupings, shelf: Shelf, clock: ManualClock
) -> None:
    say(shelf, clock, IN_LAKE, ends=-1_000.0)
    say(shelf, clock, VOUCHES, withdrawn=True)
    say(shelf, clock, USER, by=BERT)
    assert await groups(groupings) == (set(), set())


async def test_what_is_taken_back_ends_within_a_minute_also_for_what_is_under_way(
    groupings: Groupings, shelf: Shelf, clock: ManualClock
) -> None:
    say(shelf, clock, IN_LAKE)
    await groupings.of(ASKS)
    clock.advance(1.0)
    say(shelf, clock, IN_LAKE, withdrawn=True)
    assert groupings.known(ASKS).node_groups == {"lake"}
    clock.advance(FRESH)
    await groupings.turn()
    assert groupings.known(ASKS).node_groups == frozenset()


async def test_a_directory_that_does_not_answer_ends_no_membership_for_a_while_and_begins_none(
    groupings: Groupings, shelf: Shelf, clock: ManualClock
) -> None:
    say(shelf, clock, IN_LAKE)
    await groupings.of(ASKS)
    shelf.is_silent = True
    clock.advance(HELD - 1)
    assert await groups(groupings) == ({"lake"}, set())
    clock.advance(1)
    assert await groups(groupings) == (set(), set())
    say(shelf, clock, IN_LAKE)
    assert await groups(groupings) == (set(), set())


async def test_what_is_known_is_not_looked_up_again_at_once(
    groupings: Groupings, shelf: Shelf, clock: ManualClock
) -> None:
    await groupings.of(ASKS)
    reads = shelf.reads
    await groupings.of(ASKS)
    assert shelf.reads == reads
    clock.advance(FRESH)
    await groupings.of(ASKS)
    assert shelf.reads == 2 * reads


def test_a_user_of_our_own_is_in_the_groups_that_the_operator_put_it_into(
    groupings: Groupings, database: Database
) -> None:
    Settings(database).add_group(Group(name="Radiology", members=("dr-lee",)))
    lee = groupings.own("dr-lee")
    assert (lee.client_groups, lee.is_own, lee.institution) == ({"radiology"}, True, "Anna")
    assert groupings.own("").client_groups == frozenset()
