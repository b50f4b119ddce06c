"""Happy eyeballs: order, start of the next, one winner, no survivor."""

from __future__ import annotations

import asyncio

import pytest

from idas_p2p.errors import PeerUnreachable
from idas_p2p.transport.race import interleave, race
from idas_p2p.wire.address import Address

LONG = 3_600.0  # seconds; a delay that no test waits for


def addresses(*hosts: str) -> list[Address]:
    return [Address(host, 1) for host in hosts]


def test_families_alternate_and_ipv6_comes_first() -> None:
    mixed = addresses("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2")
    assert [a.host for a in interleave(mixed)] == [
        "2001:db8::1",
        "192.0.2.1",
        "2001:db8::2",
        "192.0.2.2",
        "192.0.2.3",
    ]


def test_an_address_named_twice_is_tried_once_and_names_count_as_ipv4() -> None:
    assert interleave(addresses("a.example", "a.example", "::1")) == addresses("::1", "a.example")


class Course:
    """Attempts whose ends the test decides: `a` is won or lost when told; records what began and what was discarded."""

    def __init__(self, *, lose: str = "", win: str = "") -> None:
        self.lose, self.win = lose, win
        self.begun: list[str] = []
        self.discarded: list[str] = []
        self.cancelled: list[str] = []

    async def attempt(self, name: str) -> str:
        self.begun.append(name)
        if name in self.lose:
            raise PeerUnreachable(name)
        if name not in self.win:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise
        return name

    async def run(self, names: str, *, delay: float = LONG) -> str:
        return await race(names, self.attempt, discard=self.discarded.append, delay=lambda _: delay)


async def test_the_first_candidate_wins_alone_when_it_is_quick() -> None:
    course = Course(win="a")
    assert await course.run("ab") == "a"
    assert course.begun == ["a"]


async def test_a_failure_starts_the_next_at_once() -> None:
    course = Course(lose="ab", win="c")
    assert await course.run("abc") == "c"


async def test_a_silent_candidate_is_overtaken_after_the_delay_and_cancelled() -> None:
    course = Course(win="b")
    assert await course.run("ab", delay=0.001) == "b"
    assert course.cancelled == ["a"]


async def test_when_all_fail_every_failure_is_told() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await Course(lose="abc").run("abc")
    assert [str(error) for error in caught.value.exceptions] == ["a", "b", "c"]


async def test_a_second_winner_of_the_same_moment_is_discarded() -> None:
    both = asyncio.Barrier(2)
    discarded: list[str] = []

    async def attempt(name: str) -> str:
        await both.wait()
        return name

    winner = await race("ab", attempt, discard=discarded.append, delay=lambda _: 0.0)
    assert sorted([winner, *discarded]) == ["a", "b"]


async def test_a_cancelled_race_cancels_its_attempts() -> None:
    course = Course()
    task = asyncio.gather(course.run("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert course.cancelled == ["a"]
