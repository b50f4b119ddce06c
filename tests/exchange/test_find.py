"""One question to many nodes: the silent, the failing and the endless cost only their own answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from idas_p2p.errors import AccessDenied, LocalError, PeerUnreachable
from idas_p2p.exchange import find
from idas_p2p.exchange.find import Asked, RemoteHit, ask_all
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import Hit
from tests.exchange.ends import hit, turns

NODES = [NodeId(bytes([n]) * 32) for n in range(5)]


def number(node: NodeId) -> int:
    return node.raw[0]


async def answering(node: NodeId) -> AsyncIterator[Hit]:
    yield hit(number(node))


async def found(
    ask: Callable[[NodeId], AsyncIterator[Hit]], asked: Asked, *, timeout: float = 5.0, nodes: list[NodeId] = NODES
) -> list[RemoteHit[Hit]]:
    async with asyncio.timeout(60):
        return [one async for one in ask_all(nodes, ask, per_node_timeout=timeout, asked=asked)]


async def test_every_node_is_asked_and_every_hit_says_whose_it_is() -> None:
    asked = Asked()
    hits = await found(answering, asked)
    assert {(one.holder, one.hit.study.study_uid) for one in hits} == {(n, f"1.2.{number(n)}") for n in NODES}
    assert (asked.answered, asked.unanswered) == (set(NODES), {})


async def test_a_node_named_twice_is_asked_once() -> None:
    assert len(await found(answering, Asked(), nodes=[NODES[1], NODES[1]])) == 1


async def test_nobody_to_ask_is_an_empty_answer() -> None:
    assert await found(answering, Asked(), nodes=[]) == []


async def test_failing_nodes_are_named_with_their_reason_and_the_others_answer() -> None:
    async def some_fail(node: NodeId) -> AsyncIterator[Hit]:
        yield hit(number(node))
        if number(node) == 0:
            raise AccessDenied
        if number(node) == 1:
            raise KeyError("bug")

    asked = Asked()
    assert len(await found(some_fail, asked)) == 5
    assert asked.unanswered == {NODES[0]: AccessDenied.code, NODES[1]: LocalError.code}
    assert asked.answered == set(NODES[2:])


async def test_a_silent_node_is_given_up_and_its_question_closed() -> None:
    closed = list[int]()

    async def silent(node: NodeId) -> AsyncIterator[Hit]:
        try:
            if number(node) == 3:
                await asyncio.Event().wait()
            yield hit(number(node))
        finally:
            closed.append(number(node))

    asked = Asked()
    assert len(await found(silent, asked, timeout=0.01)) == 4
    assert asked.unanswered == {NODES[3]: PeerUnreachable.code}
    assert 3 in closed


async def test_hits_come_as_they_arrive_not_when_all_have_answered() -> None:
    go_on = asyncio.Event()

    async def one_is_slow(node: NodeId) -> AsyncIterator[Hit]:
        if number(node) == 0:
            await go_on.wait()
        yield hit(number(node))

    hits = ask_all(NODES, one_is_slow, per_node_timeout=5.0, asked=Asked())
    early = [number((await anext(hits)).holder) for _ in range(4)]
    go_on.set()
    assert (0 in early, number((await anext(hits)).holder)) == (False, 0)
    assert [one async for one in hits] == []


async def test_a_reader_that_leaves_closes_every_question() -> None:
    open_questions = [0]

    async def endless(node: NodeId) -> AsyncIterator[Hit]:
        open_questions[0] += 1
        try:
            while True:
                yield hit(number(node))
                await asyncio.sleep(0)
        finally:
            open_questions[0] -= 1

    async with aclosing(ask_all(NODES, endless, per_node_timeout=5.0, asked=Asked())) as hits:  # type: ignore[type-var]
        await anext(hits)  # type: ignore[call-overload]
        assert open_questions == [5]
    assert open_questions == [0]


async def test_an_endless_answer_waits_for_its_reader() -> None:
    given = [0]

    async def endless(_node: NodeId) -> AsyncIterator[Hit]:
        while True:
            given[0] += 1
            yield hit(1)

    async with aclosing(ask_all(NODES[:1], endless, per_node_timeout=5.0, asked=Asked())) as hits:  # type: ignore[type-var]
        await anext(hits)  # type: ignore[call-overload]
        await turns()
        assert given[0] <= find._WAITING_HITS + 3


async def test_the_readers_slowness_is_not_held_against_a_node() -> None:
    async def many(_node: NodeId) -> AsyncIterator[Hit]:
        for n in range(find._WAITING_HITS + 10):
            yield hit(n)

    asked = Asked()
    loop = asyncio.get_running_loop()
    async with aclosing(ask_all(NODES[:1], many, per_node_timeout=0.01, asked=asked)) as hits:  # type: ignore[type-var]
        await anext(hits)  # type: ignore[call-overload]
        await turns()
        begin = loop.time()
        while loop.time() < begin + 0.02:  # noqa: ASYNC110
            await asyncio.sleep(0)
        rest = [one async for one in hits]
    assert len(rest) == find._WAITING_HITS + 9
    assert (asked.answered, asked.unanswered) == ({NODES[0]}, {})


# -- nodes that give no sign of life


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "PATIENCE", 0.01)


async def first_is_silent(node: NodeId) -> AsyncIterator[Hit]:
    if number(node) == 0:
        await asyncio.Event().wait()
    yield hit(number(node))


async def test_a_silent_node_is_given_up_when_the_others_have_answered(impatient: None) -> None:
    asked = Asked()
    nodes = ask_all(NODES, first_is_silent, per_node_timeout=60, asked=asked, is_silent=lambda node: number(node) == 0)
    async with asyncio.timeout(20):
        assert len([one async for one in nodes]) == 4
    assert asked.unanswered == {NODES[0]: PeerUnreachable.code}


async def test_a_node_that_takes_its_time_is_waited_for_while_it_lives(impatient: None) -> None:
    go_on = asyncio.Event()

    async def slow(node: NodeId) -> AsyncIterator[Hit]:
        if number(node) == 1:
            await go_on.wait()
        async for one in first_is_silent(node):
            yield one

    asked = Asked()
    nodes = ask_all(NODES, slow, per_node_timeout=60, asked=asked, is_silent=lambda node: number(node) == 0)
    found = list[int]()
    async with asyncio.timeout(20), aclosing(nodes) as hits:
        async for one in hits:
            found.append(number(one.holder))
            if len(found) == 3:
                asyncio.get_running_loop().call_later(0.1, go_on.set)  # long after the patience is over
    assert sorted(found) == [1, 2, 3, 4]
    assert list(asked.unanswered) == [NODES[0]]


async def test_where_nobody_has_answered_the_silent_are_waited_for(impatient: None) -> None:
    asked = Asked()
    nodes = ask_all(NODES[:1], first_is_silent, per_node_timeout=0.1, asked=asked, is_silent=lambda node: True)
    assert [one async for one in nodes] == []
    assert asked.unanswered == {NODES[0]: PeerUnreachable.code}
