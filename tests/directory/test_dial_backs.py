"""Asking nodes of the directory to dial back, and being a client when none can reach us."""

from __future__ import annotations

from idas_p2p.directory.dial_backs import MAX_ASKED
from idas_p2p.wire.address import Address
from idas_p2p.wire.ids import NodeId
from tests.directory.network import key, nodes

NONCE = b"nonce 01"


async def test_a_node_is_dialled_at_the_address_it_asks_from_and_the_port_it_names() -> None:
    dialled: list[tuple[NodeId, Address, bytes]] = []

    def dial(node_id: NodeId, address: Address, nonce: bytes) -> bool:
        dialled.append((node_id, address, nonce))
        return True

    async with nodes() as group:
        one, two = await group.start_many(2)
        two.dial_backs.offer(dial)
        (asked,) = one.dial_backs.choose()
        assert await asked.dial_back(7_400, NONCE) == Address("127.0.0.1", 7_400)
        assert dialled == [(key(0).node_id, Address("127.0.0.1", 7_400), NONCE)]


async def test_who_does_not_dial_back_now_says_so() -> None:
    async with nodes() as group:
        one, _ = await group.start_many(2)
        (asked,) = one.dial_backs.choose()
        assert await asked.dial_back(7_400, NONCE) is None


async def test_a_few_of_many_are_asked_and_nobody_when_nobody_is_known() -> None:
    async with nodes() as group:
        running = await group.start_many(6)
        assert len(running[0].dial_backs.choose()) == MAX_ASKED
        lonely = await group.start("lonely")
        assert lonely.dial_backs.choose() == []


async def test_a_node_nobody_can_reach_is_a_client_until_somebody_can() -> None:
    async with nodes() as group:
        one, two = await group.start_many(2)
        one.dial_backs.serve(False)
        assert not one.status().is_server
        (asked,) = two.dial_backs.choose()
        assert await asked.dial_back(7_400, NONCE) is None  # a client answers nobody
        one.dial_backs.serve(True)
        assert one.status().is_server
