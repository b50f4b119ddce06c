"""The way out: bootstrap nodes and network address translation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bootstrap.stun import answer
from idas_p2p.clock import SystemClock
from idas_p2p.node.doctor.outside import examine_bootstrap, examine_nat
from idas_p2p.transport.way import DIRECT
from idas_p2p.wire.address import Address
from tests.directory.network import nodes


class Desk(asyncio.DatagramProtocol):
    """Tells who asks where it sees it, or somewhere else."""

    def __init__(self, shift: int) -> None:
        self._shift = shift

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        told = answer(data, Address(addr[0], (addr[1] + self._shift) % 65_536))
        assert isinstance(told, bytes)
        self._transport.sendto(told, addr)  # type: ignore[attr-defined]


@asynccontextmanager
async def desks(*shifts: int) -> AsyncIterator[list[Address]]:
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_datagram_endpoint(lambda shift=shift: Desk(shift), local_addr=("127.0.0.1", 0))  # type: ignore[misc]
        for shift in shifts
    ]
    try:
        yield [Address(*transport.get_extra_info("sockname")) for transport, _ in made]
    finally:
        for transport, _ in made:
            transport.close()


@pytest.mark.parametrize(
    ("shifts", "name", "said"),
    [
        ((0, 0), "", "this machine's own address"),
        ((7, 7), "", "one port for all destinations"),
        ((7, 8), "nat_random", "another port"),
    ],
)
async def test_a_translation_is_known_by_the_ports_that_others_see(
    shifts: tuple[int, int], name: str, said: str
) -> None:
    async with desks(*shifts) as servers:
        (finding,) = await examine_nat(servers)
    assert finding.name == name
    assert said in finding.said


async def test_one_bootstrap_node_alone_cannot_tell_what_a_translation_does() -> None:
    async with desks(0) as servers:
        assert await examine_nat(servers) == []


async def test_a_bootstrap_node_is_asked_under_a_key_of_its_own() -> None:
    async with nodes() as group:
        boot = await group.start("boot")
        finding = await examine_bootstrap(group.running[boot], way=DIRECT, clock=SystemClock())
        assert (finding.name, finding.said) == ("", "answers by UDP")
        assert boot.status().contacts == 0  # a client is nobody's contact
