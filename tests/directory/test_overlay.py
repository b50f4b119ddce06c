from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from idas_p2p.clock import SystemClock
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.peers import distance
from idas_p2p.directory.server import OpenEndpoint
from idas_p2p.directory.service import Directory
from idas_p2p.limits import DIRECTORY_REPLICAS
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.records import Record
from tests.directory.network import MemoryNetwork, Nodes, nodes, record, until
from tests.directory.virtual import LoopClock, in_virtual_time

PACE = Pace(first_retry=0.1, rejoin=1.0, welcome=0.1, fill=0.01, bridge=2.0)


def machine(network: MemoryNetwork, number: int) -> OpenEndpoint:
    """Opens sockets on a machine with an address of each family; a wildcard is its own address."""
    own = {"0.0.0.0": f"192.0.2.{number}", "::": f"2001:db8::{number:x}"}

    async def open_endpoint(protocol: asyncio.DatagramProtocol, address: Address) -> asyncio.DatagramTransport:
        transport = await network.open(protocol, Address(own[address.host], address.port))
        transport._extra["sockname"] = (address.host, transport.get_extra_info("sockname")[1])
        return transport

    return open_endpoint


class Mixed:
    """Nodes of IPv4 alone, of IPv6 alone, and of both, in one memory."""

    def __init__(self, group: Nodes) -> None:
        self._group, self._network, self._contacts = group, MemoryNetwork(), list[Contact]()

    async def add(self, host: str, *, server: bool = True) -> Directory:
        """A node on 0.0.0.0, :: for both families, or 6 for IPv6 alone; the first ones are everybody's contacts."""
        number = len(self._group.running) + 1
        only = {"6": f"2001:db8::{number:x}", "4": f"192.0.2.{number}"}
        opener = machine(self._network, number) if host == "::" else self._network.open
        node = await self._group.start(
            number,
            host=only.get(host, host),
            port=7_000,
            contacts=self._contacts[:4],
            server=server,
            open_endpoint=opener,
        )
        node_id = self._group.running[node].node_id
        families = {"::": (f"192.0.2.{number}", f"2001:db8::{number:x}")}.get(host, (only.get(host, host),))
        self._contacts += [Contact(Address(own, 7_000), node_id) for own in families]
        return node

    def id_of(self, node: Directory) -> bytes:
        return self._group.running[node].node_id.kademlia_id


@asynccontextmanager
async def mixed() -> AsyncIterator[Mixed]:
    async with nodes(clock=LoopClock(), pace=PACE) as group:
        yield Mixed(group)


def nearest(network: Mixed, among: list[Directory], one: Record) -> list[Directory]:
    """The nodes that should hold a record written in their network."""
    return sorted(among, key=lambda node: distance(network.id_of(node), one.key))[:DIRECTORY_REPLICAS]


def versions(node: Directory) -> set[int]:
    return {ipaddress.ip_address(contact.address.host).version for contact in node.contacts()}


@in_virtual_time
async def test_limit_20_who_speaks_one_family_is_named_nobody_of_the_other() -> None:
    async with mixed() as network:
        both = [await network.add("::") for _ in range(2)]
        four, six = [await network.add("4") for _ in range(5)], [await network.add("6") for _ in range(5)]
        await asyncio.sleep(20)
        assert [versions(node) for node in four] == [{4}] * 5
        assert [versions(node) for node in six] == [{6}] * 5
        assert {len(node.contacts()) for node in [*four, *six]} == {6}  # 4 others of its own and the 2 of both
        assert [versions(node) for node in both] == [{4, 6}] * 2
        assert {len(node.contacts()) for node in both} == {1 + 5 + 1 + 5}


@pytest.mark.parametrize("writer", ["4", "6", "::"])
@in_virtual_time
async def test_limit_20_a_record_is_found_by_readers_of_either_family(writer: str) -> None:
    async with mixed() as network:
        both = [await network.add("::") for _ in range(3)]
        four, six = [await network.add("4") for _ in range(16)], [await network.add("6") for _ in range(16)]
        source = await network.add(writer, server=False)
        await asyncio.sleep(20)
        same = [*both, *{"4": four, "6": six, "::": []}[writer]]
        lot = [record(number, now=LoopClock().now()) for number in range(30)]
        lot = [one for one in lot if set(nearest(network, same, one)) & set(both)]
        assert len(lot) > 20
        assert min(await source.put(lot)) == min(12, len(same) + 16 * (writer == "::"))
        await asyncio.sleep(20)  # the nodes of both families carry over what is needed
        for reader in (four[3], six[3], both[1]):
            assert [await reader.get(one.key) for one in lot] == [[one] for one in lot]


@in_virtual_time
async def test_a_node_of_both_families_whose_network_has_one_works_by_that_one() -> None:
    async with mixed() as network:
        both, four = await network.add("::"), [await network.add("4") for _ in range(3)]
        await asyncio.sleep(10)
        one = record("here", now=LoopClock().now())
        assert await both.put([one]) == [4]
        assert await four[2].get(one.key) == [one]
        assert both.status().joined
        assert not both.status().is_carried


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_limit_20_real_sockets_of_both_families_share_a_port_and_a_store() -> None:
    async with nodes() as group:
        both = await group.start("both", host="::")
        port, node_id = group.running[both].address.port, group.running[both].node_id
        four = await group.start("four", contacts=[Contact(Address("127.0.0.1", port), node_id)])
        six = await group.start("six", host="::1", contacts=[Contact(Address("::1", port), node_id)])
        await until(lambda: len(both.contacts()) == 2 and four.status().joined and six.status().joined)
        assert (versions(four), versions(six), versions(both)) == ({4}, {6}, {4, 6})
        one = record("here", now=SystemClock().now())
        assert await four.put([one]) == [2]
        assert await six.get(one.key) == [one]
