"""Shares in virtual time: everything is delivered once while an honest holder lives, and the faster gives more."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idas_p2p.errors import ArchiveFailed, ChannelClosed, DigestMismatch
from idas_p2p.exchange.copies import Copy
from idas_p2p.exchange.link import SILENCE_TIMEOUT
from idas_p2p.exchange.pace import MIN_SILENCE
from idas_p2p.exchange.shares import MAX_AHEAD, Shares

SIZE = 500_000  # bytes of each instance
CHUNK = 100_000
ROUND_TRIP = 0.05
STUDY = [f"1.{number}" for number in range(60)]


def copy_of(uid: str, version: int = 0) -> Copy:
    return Copy(SIZE, f"{uid}/{version}".encode().ljust(32))


@dataclass
class Simulated:
    """A holder with a line of its own."""

    rate: float = 10e6  # bytes a second
    has: list[str] = field(default_factory=lambda: list(STUDY))
    versions: dict[str, int] = field(default_factory=dict)
    dies_at: float = float("inf")
    stalls_at: float = float("inf")
    wakes_at: float = float("inf")
    lies_about: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()  # listed, and not to be had when wanted
    gave: list[str] = field(default_factory=list)
    free_at: float = 0.0
    is_dead: bool = False


class World:
    """Runs holders and one requester until it is over."""

    def __init__(self, *holders: Simulated, kept: dict[str, bytes] | None = None) -> None:
        self.holders, self.shares, self.now = holders, Shares(kept), 0.0
        self._events: list[tuple[float, int, Any]] = []
        self._counter = itertools.count()
        self.delivered: list[str] = []
        self.left = set[int]()  # holders that were told that nothing more is wanted of them
        for holder in holders:
            number = self.shares.join(expected=len(holder.has), now=0.0)
            self.shares.opened(number, now=0.0)
            self.at(holder.dies_at, self.die, number)
            if holder.wakes_at == float("inf"):
                self.at(holder.stalls_at + SILENCE_TIMEOUT, self.die, number)  # as the link does
            for uid in holder.has:
                self.says(number, 0, self.shares.listed, number, uid, copy_of(uid, holder.versions.get(uid, 0)))
            self.says(number, 0, self.end_list, number)

    def at(self, when: float, what: Any, *arguments: Any) -> None:
        if when < float("inf"):
            heapq.heappush(self._events, (when, next(self._counter), (what, *arguments)))

    def says(self, number: int, size: int, what: Any, *arguments: Any) -> None:
        """A message of a holder leaves when its line is free."""
        holder = self.holders[number]
        holder.free_at = max(holder.free_at, self.now) + (size + 100) / holder.rate
        if holder.stalls_at < holder.free_at < holder.wakes_at:
            holder.free_at = holder.wakes_at
        self.at(holder.free_at + ROUND_TRIP / 2, self.hear, number, size, what, *arguments)

    def hear(self, number: int, size: int, what: Any, *arguments: Any) -> None:
        if not self.holders[number].is_dead:
            self.shares.came(number, size, now=self.now)
            what(*arguments)

    def end_list(self, number: int) -> None:
        self.shares.list_ended(number, now=self.now)

    def die(self, number: int) -> None:
        self.holders[number].is_dead = True
        self.shares.gone(number)

    def drop_stale(self) -> None:
        """What is dropped was not delivered: its reader may still be at it."""
        assert not set(self.shares.stale()) & set(self.delivered)

    def give(self, number: int, uid: str) -> None:
        holder = self.holders[number]
        if uid in holder.lacks:
            self.says(number, 0, self.shares.failed, number, uid, ArchiveFailed())
            return
        for _ in range(SIZE // CHUNK - 1):
            self.says(number, CHUNK, lambda: None)
        self.says(number, CHUNK, self.arrive, number, uid)

    def arrive(self, number: int, uid: str) -> None:
        holder = self.holders[number]
        holder.gave.append(uid)
        if uid in holder.lies_about:
            self.shares.failed(number, uid, DigestMismatch(), lied=True)
        else:
            self.shares.arrived(number, uid, copy_of(uid, holder.versions.get(uid, 0)))

    def turn(self) -> None:
        self.drop_stale()
        self.shares.release(self.now)
        while (uid := self.shares.deliver(now=self.now)) is not None:
            self.delivered.append(uid)
        for number in self.shares.copies.differing - self.left:
            self.left.add(number)
            self.at(self.now + ROUND_TRIP / 2, self.says, number, 0, self.die, number)  # once it gave what it owes
        for number in range(len(self.holders)):
            for uid in self.shares.wants(number, round_trip=ROUND_TRIP, now=self.now):
                assert uid not in self.delivered
                self.at(self.now + ROUND_TRIP / 2, self.give, number, uid)
            self.shares.settled(number)

    def run(self) -> World:
        """Until nothing more can come."""
        for _ in range(100_000):
            self.turn()
            if self.shares.is_over(now=self.now):
                return self
            soon = self.now + 0.25
            if self._events and self._events[0][0] <= soon:
                self.now, _, (what, *arguments) = heapq.heappop(self._events)
                what(*arguments)
            else:
                self.now = soon
        raise AssertionError("it never ends")


def run(*holders: Simulated, **more: Any) -> World:
    return World(*holders, **more).run()


def test_one_holder_gives_everything_in_its_order() -> None:
    world = run(Simulated())
    assert world.delivered == STUDY
    assert world.shares.failures == {}


def test_two_equal_holders_give_half_each_in_half_the_time() -> None:
    alone, (one, two) = run(Simulated()), (Simulated(), Simulated())
    together = run(one, two)
    assert sorted(together.delivered) == sorted(STUDY)
    assert len(one.gave) + len(two.gave) <= len(STUDY) + 2
    assert alone.now / together.now > 1.8


def test_the_faster_gives_more() -> None:
    slow, fast = Simulated(rate=2e6), Simulated(rate=8e6)
    world = run(slow, fast)
    assert sorted(world.delivered) == sorted(STUDY)
    assert len(fast.gave) > 2.5 * len(slow.gave)
    assert world.now < 1.25 * (len(STUDY) * SIZE / 10e6) + 4 * ROUND_TRIP


def test_at_the_end_a_slow_holder_is_not_waited_for() -> None:
    world = run(Simulated(rate=50e3), Simulated(rate=10e6))
    assert sorted(world.delivered) == sorted(STUDY)
    assert world.now < 1.3 * (len(STUDY) * SIZE / 10e6) + 4 * ROUND_TRIP


def test_a_split_study_is_united() -> None:
    world = run(Simulated(has=STUDY[:25]), Simulated(has=STUDY[20:40]), Simulated(has=STUDY[38:]))
    assert sorted(world.delivered) == sorted(STUDY)


@pytest.mark.parametrize("when", [0.0, 0.02, 0.3, 1.0])
def test_what_a_dead_holder_owes_comes_from_the_other(when: float) -> None:
    assert sorted(run(Simulated(dies_at=when), Simulated()).delivered) == sorted(STUDY)


@pytest.mark.parametrize("when", [0.0, 0.02, 0.3, 1.0])
def test_what_a_stalled_holder_owes_comes_from_the_other_soon(when: float) -> None:
    world = run(Simulated(stalls_at=when), Simulated())
    assert sorted(world.delivered) == sorted(STUDY)
    assert world.now < len(STUDY) * SIZE / 10e6 + 2 * MIN_SILENCE + 1.0


def test_a_holder_that_wakes_again_gives_again() -> None:
    waking = Simulated(stalls_at=0.1, wakes_at=3.0)
    world = run(waking, Simulated(rate=2e6))
    assert sorted(world.delivered) == sorted(STUDY)
    assert len(waking.gave) > len(STUDY) / 2


def test_a_liar_is_asked_for_nothing_more_while_others_live() -> None:
    liar = Simulated(lies_about=frozenset(STUDY))
    world = run(liar, Simulated())
    assert sorted(world.delivered) == sorted(STUDY)
    assert len(liar.gave) < len(STUDY) / 3


def test_a_liar_that_is_the_only_one_gives_what_is_right() -> None:
    world = run(Simulated(lies_about=frozenset(STUDY[:2])))
    assert world.delivered == STUDY[2:]
    assert {uid: type(error) for uid, error in world.shares.failures.items()} == dict.fromkeys(
        STUDY[:2], DigestMismatch
    )


def test_what_one_cannot_give_comes_from_the_other_and_what_nobody_can_is_said() -> None:
    world = run(Simulated(lacks=frozenset(STUDY[:3])), Simulated(lacks=frozenset(STUDY[2:5])))
    assert sorted(world.delivered) == sorted(set(STUDY) - {STUDY[2]})
    assert list(world.shares.failures) == [STUDY[2]]


def test_what_the_only_holder_announced_is_missing_after_it_has_gone() -> None:
    shares = Shares()
    number = shares.join(expected=3, now=0.0)
    shares.opened(number, now=0.0)
    shares.announced(number, 5)
    shares.listed(number, "1", copy_of("1"))
    shares.gone(number)
    assert shares.total == 5
    other = shares.join(expected=2, now=0.0)
    for uid in ("1", "2"):
        shares.listed(other, uid, copy_of(uid))
    shares.list_ended(other, now=0.0)
    assert shares.total == 2  # all there is at one who has listed it


def test_of_copies_that_differ_one_comes() -> None:
    world = run(Simulated(), Simulated(versions={STUDY[40]: 1}))
    assert sorted(world.delivered) == sorted(STUDY)
    assert len(world.shares.copies.differing) == 1


def test_what_is_here_is_not_wanted_again_and_another_version_of_it_is_replaced() -> None:
    holder = Simulated()
    kept = {STUDY[0]: copy_of(STUDY[0]).digest, STUDY[1]: copy_of(STUDY[1], 9).digest}
    world = World(holder, kept=kept)
    stale = list[str]()
    take, world.shares.stale = world.shares.stale, lambda: stale.extend(take()) or []  # type: ignore[method-assign]
    world.run()
    assert sorted(world.delivered) == sorted(STUDY)
    assert (STUDY[0] in holder.gave, STUDY[1] in holder.gave, stale) == (False, True, [STUDY[1]])


def test_an_instance_whose_beginning_was_lost_is_wanted_again_of_the_same_holder() -> None:
    shares = Shares()
    number = shares.join(expected=1, now=0.0)
    shares.opened(number, now=0.0)
    shares.listed(number, "1", copy_of("1"))
    assert shares.wants(number, round_trip=0.0, now=0.0) == ["1"]
    shares.failed(number, "1", ChannelClosed(), for_good=False)
    assert shares.wants(number, round_trip=0.0, now=0.0) == ["1"]


def test_after_a_cut_nothing_is_wanted_before_it_is_listed_again() -> None:
    shares = Shares()
    number = shares.join(expected=2, now=0.0)
    shares.opened(number, now=0.0)
    for uid in ("1", "2"):
        shares.listed(number, uid, copy_of(uid))
    assert shares.wants(number, round_trip=0.0, now=0.0) == ["1", "2"]
    shares.cut(number)
    assert shares.wants(number, round_trip=0.0, now=0.0) == []
    shares.opened(number, now=0.0)
    assert shares.wants(number, round_trip=0.0, now=0.0) == []
    shares.listed(number, "2", copy_of("2"))
    assert shares.wants(number, round_trip=0.0, now=0.0) == ["2"]


def test_what_is_here_and_cannot_be_delivered_yet_is_bounded() -> None:
    shares = Shares()
    slow, quick = (shares.join(expected=2 * MAX_AHEAD, now=0.0) for _ in range(2))
    for number in (slow, quick):
        shares.opened(number, now=0.0)
    wanted = 0
    for index in range(2 * MAX_AHEAD):
        shares.listed(quick, f"1.{index}", Copy(10, bytes(32)))
    while uids := shares.wants(quick, round_trip=0.0, now=0.0):
        wanted += len(uids)
        for uid in uids:
            shares.arrived(quick, uid, Copy(10, bytes(32)))
    assert MAX_AHEAD <= wanted < 2 * MAX_AHEAD
    assert shares.deliver(now=0.0) is None


def test_a_holder_may_let_go_of_what_came_from_anybody() -> None:
    shares = Shares()
    for number in (0, 1):
        assert shares.join(expected=1, now=0.0) == number
        shares.opened(number, now=0.0)
        shares.listed(number, "1", copy_of("1"))
    shares.wanted(0, "1")
    shares.arrived(0, "1", copy_of("1"))
    assert (shares.settled(0), shares.settled(1), shares.settled(1)) == (["1"], ["1"], [])


honest = st.builds(Simulated, rate=st.floats(1e5, 5e7))
times = st.floats(0.0, 5.0) | st.just(float("inf"))
some = st.frozensets(st.sampled_from(STUDY))
other_versions = st.dictionaries(st.sampled_from(STUDY), st.integers(1, 2), max_size=3)
any_holder = st.builds(
    Simulated,
    rate=st.floats(1e5, 5e7),
    has=some.map(sorted),
    dies_at=times,
    stalls_at=times,
    wakes_at=times.map(lambda after: after + 1.0),
    lies_about=some,
    lacks=some,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(any_holder, max_size=3), honest, st.integers(0, 3))
def test_while_an_honest_holder_lives_everything_is_delivered_once(
    others: list[Simulated], one: Simulated, place: int
) -> None:
    world = run(*others[:place], one, *others[place:])
    assert sorted(world.delivered) == sorted(STUDY)
    assert world.shares.failures == {}


@settings(max_examples=60, deadline=None)
@given(st.lists(any_holder, min_size=1, max_size=4))
def test_whatever_holders_do_it_ends_and_everything_known_is_delivered_or_named(holders: list[Simulated]) -> None:
    world = run(*holders)
    assert len(world.delivered) == len(set(world.delivered))
    whole = {uid for holder in holders if not holder.is_dead for uid in holder.has if holder.stalls_at == float("inf")}
    assert whole <= {*world.delivered, *world.shares.failures}
    assert not {*world.delivered} & {*world.shares.failures}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(Simulated, st.floats(1e5, 5e7), some.map(sorted), other_versions), min_size=2, max_size=4))
def test_of_any_copies_that_differ_it_ends_with_one_and_what_agrees_with_it(holders: list[Simulated]) -> None:
    world = run(*holders)
    assert len(world.delivered) == len(set(world.delivered))
    delivered = {uid: copy.digest for uid, copy in world.shares.copies.delivered.items()}
    given = [holder for holder in holders if holder.has and agrees(holder, delivered)]
    assert all(any(uid in holder.has for holder in given) for uid in delivered)
    assert not any(holder.has for holder in holders) or any(set(holder.has) <= set(delivered) for holder in given)


def agrees(holder: Simulated, delivered: dict[str, bytes]) -> bool:
    said = {uid: copy_of(uid, holder.versions.get(uid, 0)).digest for uid in holder.has}
    return all(delivered.get(uid, digest) == digest for uid, digest in said.items())


def test_what_comes_late_of_a_copy_that_was_left_out_meanwhile_is_wanted_of_the_other() -> None:
    shares = Shares()
    for number in (0, 1):
        shares.join(expected=2, now=0.0)
        shares.opened(number, now=0.0)
    shares.listed(1, "1", copy_of("1", 1))
    assert shares.wants(1, round_trip=0.0, now=0.0) == ["1"]
    shares.listed(0, "1", copy_of("1"))
    assert shares.copies.differing == {1}
    assert shares.stale() == []
    shares.arrived(1, "1", copy_of("1", 1))
    assert shares.stale() == ["1"]
    assert shares.wants(0, round_trip=0.0, now=0.0) == ["1"]


def test_what_a_silent_holder_owes_and_another_gave_is_not_wanted_again() -> None:
    shares = Shares()
    for number in (0, 1):
        shares.join(expected=1, now=0.0)
        shares.opened(number, now=0.0)
        shares.listed(number, "1", copy_of("1"))
        shares.list_ended(number, now=0.0)
    assert shares.wants(0, round_trip=0.0, now=0.0) == ["1"]
    late = MIN_SILENCE + 1.0
    shares.came(1, 0, now=late)
    shares.release(late)
    assert shares.wants(1, round_trip=0.0, now=late) == ["1"]
    shares.arrived(1, "1", copy_of("1"))
    assert shares.deliver(now=late) == "1"
    assert shares.wants(1, round_trip=0.0, now=late) == []
    assert shares.stale() == []
