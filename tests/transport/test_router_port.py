"""Asking at UDP port 5351: of something that answers, of something that is silent, of nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from idas_p2p.transport.mapping import Router, Transport
from idas_p2p.transport.router_port import NatPmpMapper, PcpMapper
from idas_p2p.wire.address import Address

HERE = Router("127.0.0.1", "127.0.0.1")
Answer = Callable[[bytes], bytes | None]


class Desk(asyncio.DatagramProtocol):
    """Answers each datagram, or not."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.asked = answer, 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.asked += 1
        if (reply := self.answer(data)) is not None:
            self.transport.sendto(reply, addr)


@asynccontextmanager
async def desk(answer: Answer) -> AsyncIterator[tuple[Desk, int]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: Desk(answer), local_addr=("127.0.0.1", 0))
    try:
        yield protocol, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def pcp_grants(request: bytes) -> bytes:
    lifetime, mapping = request[4:8], request[24:44]
    public = bytes.fromhex("00000000000000000000ffffcb007107")
    return bytes.fromhex("02810000") + lifetime + bytes(16) + mapping + public


def nat_pmp_grants(request: bytes) -> bytes:
    if request == b"\0\0":
        return bytes.fromhex("00800000 00000001 cb007107")
    return bytes([0, request[1] | 0x80, 0, 0, 0, 0, 0, 1]) + request[4:12]


async def test_pcp_maps_a_port_and_ends_the_mapping() -> None:
    async with desk(pcp_grants) as (_, port):
        mapper = PcpMapper(HERE, port=port)
        mapping = await mapper.map(Transport.TCP, 7_000, external_port=40_000, lifetime=3_600)
        assert mapping is not None
        assert (mapping.way, mapping.external, mapping.lifetime) == ("pcp", Address("203.0.113.7", 40_000), 3_600.0)
        assert await mapper.map(Transport.TCP, 7_000, external_port=40_000, lifetime=0) is None


async def test_nat_pmp_maps_a_port_and_asks_for_the_address() -> None:
    async with desk(nat_pmp_grants) as (router, port):
        mapping = await NatPmpMapper(HERE, port=port).map(Transport.UDP, 7_000, external_port=7_000, lifetime=60)
        assert mapping is not None
        assert (mapping.transport, mapping.external) == (Transport.UDP, Address("203.0.113.7", 7_000))
        assert router.asked == 2


async def test_a_lost_answer_is_asked_for_again() -> None:
    answers = iter([None, pcp_grants])

    def sometimes(request: bytes) -> bytes | None:
        answer = next(answers)
        return answer(request) if answer else None

    async with desk(sometimes) as (router, port):
        assert await PcpMapper(HERE, port=port).map(Transport.TCP, 7_000, external_port=1, lifetime=60)
        assert router.asked == 2


async def test_where_nobody_listens_or_another_protocol_is_spoken_nothing_is_granted() -> None:
    async with desk(lambda request: bytes.fromhex("00010001 00000001")) as (_, port):  # NAT-PMP: wrong version
        assert await PcpMapper(HERE, port=port).map(Transport.TCP, 7_000, external_port=1, lifetime=60) is None
    assert await NatPmpMapper(HERE, port=port).map(Transport.TCP, 7_000, external_port=1, lifetime=60) is None
