from __future__ import annotations

import asyncio

import pytest

from idas_p2p.clock import SystemClock
from idas_p2p.exchange.turns import LINGER, STALL, WEIGHTS, Sending, Turn, Turns, Uplink
from idas_p2p.transport.memory import MemoryChannel, make_pair
from idas_p2p.wire.fetching import Priority

MESSAGE = 1_000  # bytes


def serve(turns: Turns, transfers: list[Sending], *, messages: int) -> dict[Priority, int]:
    """Let transfers that always have more to send share a line that carries one message after another."""
    now, sent = 0.0, dict.fromkeys(Priority, 0)
    for transfer in transfers:
        turns.ask(transfer, now=now)
    for _ in range(messages):
        now += 0.001
        first = next(transfer for transfer in transfers if turns.may_send(transfer, now=now))
        turns.begin(first, MESSAGE, now=now)
        sent[first.priority] += 1
        turns.end(first, now=now)
        turns.ask(first, now=now)
        transfers = [one for one in transfers if one is not first] + [first]  # a line serves those that wait in order
    return sent


def test_bytes_go_by_weight_where_urgencies_differ() -> None:
    turns = Turns()
    sent = serve(turns, [turns.join(priority) for priority in Priority], messages=2_100)
    for priority in Priority:
        assert sent[priority] == pytest.approx(100 * WEIGHTS[priority], rel=0.05)


def test_equal_ones_get_the_same() -> None:
    turns = Turns()
    transfers = [turns.join(Priority.MEDIUM) for _ in range(3)]
    serve(turns, transfers, messages=300)
    assert {transfer.virtual for transfer in transfers} == {100 * MESSAGE / WEIGHTS[Priority.MEDIUM]}


def test_the_least_urgent_alone_never_waits() -> None:
    turns = Turns()
    low = turns.join(Priority.LOW)
    assert serve(turns, [low], messages=50)[Priority.LOW] == 50


def test_what_was_sent_before_an_urgent_one_came_is_not_held_against_anyone() -> None:
    turns = Turns()
    low = turns.join(Priority.LOW)
    serve(turns, [low], messages=1_000)
    high = turns.join(Priority.HIGH)
    sent = serve(turns, [low, high], messages=170)
    assert sent[Priority.LOW] == pytest.approx(10, abs=1)


def test_an_urgent_transfer_that_is_slow_by_itself_holds_nobody_up() -> None:
    turns = Turns()
    low, high = turns.join(Priority.LOW), turns.join(Priority.HIGH)
    turns.ask(high, now=0.0)
    turns.begin(high, MESSAGE, now=0.0)
    turns.ask(low, now=0.0)
    turns.begin(low, MESSAGE, now=0.0)
    turns.end(low, now=0.0)
    turns.ask(low, now=0.0)
    assert not turns.may_send(low, now=STALL - 0.01)
    assert turns.may_send(low, now=STALL)


def test_an_urgent_transfer_between_two_messages_keeps_its_place_for_a_moment() -> None:
    turns = Turns()
    low, high = turns.join(Priority.LOW), turns.join(Priority.HIGH)
    turns.ask(high, now=0.0)
    turns.begin(high, MESSAGE, now=0.0)
    turns.end(high, now=1.0)
    turns.ask(low, now=1.0)
    turns.begin(low, MESSAGE, now=1.0)
    turns.end(low, now=1.0)
    turns.ask(low, now=1.0)
    assert not turns.may_send(low, now=1.0 + LINGER / 2)
    assert turns.may_send(low, now=1.0 + LINGER)


def test_who_was_idle_does_not_catch_up() -> None:
    turns = Turns()
    busy, idle = turns.join(Priority.MEDIUM), turns.join(Priority.HIGH)
    serve(turns, [busy], messages=100)
    turns.ask(idle, now=1.0)
    assert idle.virtual == busy.virtual > 0


class Line:
    """One slow line that all channels leave by: it takes one message after another, whoever asks first."""

    def __init__(self) -> None:
        self._free = asyncio.Lock()
        self.carried: list[str] = []

    async def send(self, name: str, channel: MemoryChannel, message: bytes) -> None:
        async with self._free:
            for _ in range(3):
                await asyncio.sleep(0)  # others come meanwhile
            await channel.send(message)
            self.carried.append(name)


async def take_all(channel: MemoryChannel, count: int) -> int:
    return sum([len(await channel.receive()) for _ in range(count)])


async def run(line: Line, uplink: Uplink, transfers: dict[str, Priority], *, messages: int) -> None:
    """Send that many messages for each transfer, each over a channel of its own."""

    async def one(name: str, priority: Priority) -> None:
        near, far = make_pair()
        async with asyncio.TaskGroup() as group:
            taken = group.create_task(take_all(far, messages))
            with uplink.transfer(priority) as turn:
                for _ in range(messages):
                    async with turn(MESSAGE):
                        await line.send(name, near, bytes(MESSAGE))
        assert taken.result() == messages * MESSAGE

    async with asyncio.TaskGroup() as group:
        for name, priority in transfers.items():
            group.create_task(one(name, priority))


async def test_an_urgent_study_overtakes_one_that_began_before_it() -> None:
    line = Line()
    await run(line, Uplink(clock=SystemClock()), {"routine": Priority.LOW, "urgent": Priority.HIGH}, messages=200)
    last = len(line.carried) - line.carried[::-1].index("urgent")
    routine = line.carried[:last].count("routine")
    assert 200 / 16 - 2 <= routine <= 200 / 16 + 5  # its share went on meanwhile, and no more
    assert len(line.carried) == 400


async def test_equal_studies_are_served_alike_all_the_time() -> None:
    line = Line()
    names = {name: Priority.MEDIUM for name in ("one", "other", "third")}
    await run(line, Uplink(clock=SystemClock()), names, messages=100)
    for end in range(30, 300, 30):
        counts = [line.carried[:end].count(name) for name in names]
        assert max(counts) - min(counts) <= 2


async def test_a_transfer_that_is_cancelled_while_it_waits_holds_nobody_up() -> None:
    uplink = Uplink(clock=SystemClock())
    with uplink.transfer(Priority.LOW) as low, uplink.transfer(Priority.HIGH) as high:
        async with asyncio.timeout(60):
            await _send_one(low)
            async with high(MESSAGE):
                waiting = asyncio.gather(_send_one(low))
                await asyncio.sleep(0)
                assert not waiting.done()
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
            await _send_one(high)
            await _send_one(low)


async def _send_one(turn: Turn) -> None:
    async with turn(MESSAGE):
        await asyncio.sleep(0)
