"""Dialling back: the nonce arrives, nobody learns who dialled, and nobody can be pestered through us."""

from __future__ import annotations

import asyncio

from idas_p2p.crypto.handshake import Refusal
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.dial_back import MAX_AT_ONCE, MAX_AT_ONCE_PER_HOST, DialBackServer
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from tests.transport.pairs import ALICE, BOB, MALLORY, listening, until

NONCE = b"nonce 01"


def server(tasks: TaskOwner) -> DialBackServer:
    return DialBackServer(ALICE, tasks=tasks)


async def test_the_nonce_arrives_at_the_node_that_asked_and_nothing_else_does() -> None:
    asked: list[bytes] = []

    def find_psk(_: Purpose, psk_id: bytes) -> None:
        asked.append(psk_id)

    tasks = TaskOwner(limit=8)
    async with listening(find_psk=find_psk) as (listener, address):
        assert server(tasks).accept(BOB.node_id, address, NONCE)
        await until(lambda: listener.refusals.total() > 0)
        assert (asked, listener.refusals) == ([NONCE], {Refusal.HUNG_UP: 1})
        await until(lambda: len(tasks) == 0)


async def test_another_node_at_the_address_gets_no_nonce() -> None:
    asked: list[bytes] = []
    tasks = TaskOwner(limit=8)
    async with listening(find_psk=lambda _, psk_id: asked.append(psk_id)) as (listener, address):
        assert server(tasks).accept(MALLORY.node_id, address, NONCE)
        await until(lambda: listener.refusals.total() > 0)
        assert (asked, listener.refusals) == ([], {Refusal.BAD_HELLO: 1})
        await until(lambda: len(tasks) == 0)


async def test_a_key_that_is_none_and_a_port_where_nobody_listens_cost_nothing() -> None:
    tasks = TaskOwner(limit=8)
    assert server(tasks).accept(type(BOB.node_id)(bytes(32)), Address("127.0.0.1", 1_024), NONCE)
    assert server(tasks).accept(BOB.node_id, Address("127.0.0.1", 1_024), NONCE)
    await until(lambda: len(tasks) == 0)


async def test_ports_of_other_services_are_not_knocked_at() -> None:
    assert not server(TaskOwner(limit=8)).accept(BOB.node_id, Address("127.0.0.1", 22), NONCE)


async def test_few_dials_to_one_host_and_few_in_all_are_under_way() -> None:
    tasks = TaskOwner(limit=MAX_AT_ONCE)
    one = server(tasks)
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    accepted = [one.accept(BOB.node_id, Address("127.0.0.1", port), NONCE) for _ in range(MAX_AT_ONCE_PER_HOST + 1)]
    assert accepted == [True] * MAX_AT_ONCE_PER_HOST + [False]
    others = [one.accept(BOB.node_id, Address(f"127.0.1.{n}", port), NONCE) for n in range(1, MAX_AT_ONCE + 1)]
    assert others.count(True) == MAX_AT_ONCE - MAX_AT_ONCE_PER_HOST
    await tasks.stop()
    assert one.accept(BOB.node_id, Address("127.0.0.1", port), NONCE)
    await tasks.stop()
    silent.close()


async def test_an_owner_with_no_room_means_not_now() -> None:
    assert not server(TaskOwner(limit=0)).accept(BOB.node_id, Address("127.0.0.1", 7_000), NONCE)
