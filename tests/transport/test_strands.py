"""Further connections to a node: beside the dial they belong to, never in its way."""

from __future__ import annotations

import asyncio

from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.strands import Strands
from idas_p2p.transport.way import DIRECT
from idas_p2p.wire.handshake import Purpose
from tests.transport.pairs import ALICE, BOB, PSK, movable_pair, until
from tests.transport.test_braid import some, took_all, width


async def test_further_connections_are_opened_beside_a_dial_and_end_with_the_channel() -> None:
    tasks = TaskOwner(limit=8)
    async with movable_pair(purpose=Purpose.IMAGE) as (one, other, address):
        strands = Strands(ALICE, BOB.node_id, address, PSK, way=DIRECT)
        strands.begin(3, tasks=tasks)
        strands.join(one)
        await until(lambda: width(other) == 4)
        messages = some(50, seed=3)
        sending = asyncio.gather(*(other.send(message) for message in messages))
        assert await took_all(one, messages)
        await sending
    await until(lambda: len(tasks) == 0)


async def test_further_connections_of_a_dial_that_failed_end_and_tell_nobody_who_dialled() -> None:
    tasks = TaskOwner(limit=8)
    async with movable_pair(purpose=Purpose.IMAGE) as (_, other, address):
        strands = Strands(ALICE, BOB.node_id, address, PSK, way=DIRECT)
        strands.begin(3, tasks=tasks)
        strands.join(None)
        await until(lambda: len(tasks) == 0)
        assert width(other) == 1


async def test_more_than_there_is_room_for_are_not_opened() -> None:
    tasks = TaskOwner(limit=1)
    async with movable_pair(purpose=Purpose.IMAGE) as (one, other, address):
        strands = Strands(ALICE, BOB.node_id, address, PSK, way=DIRECT)
        strands.begin(3, tasks=tasks)
        strands.join(one)
        await until(lambda: width(other) == 2 and not len(tasks))


async def test_connections_that_come_when_the_channel_is_over_end() -> None:
    tasks = TaskOwner(limit=8)
    async with movable_pair(purpose=Purpose.IMAGE) as (one, _, address):
        strands = Strands(ALICE, BOB.node_id, address, PSK, way=DIRECT)
        strands.begin(2, tasks=tasks)
        one.abort()
        strands.join(one)
        await until(lambda: len(tasks) == 0)
