from __future__ import annotations

import asyncio
from typing import Any

from idas_p2p.clock import SystemClock
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.carrier import Carrier
from idas_p2p.directory.sockets import open_udp
from idas_p2p.wire.address import Address
from tests.directory.network import nodes, record, until
from tools.programs import free_port


class Firewall:
    """UDP sockets of a machine whose network lets no UDP in, until it does."""

    def __init__(self) -> None:
        self.is_shut = True

    async def open(self, protocol: asyncio.DatagramProtocol, address: Address) -> asyncio.DatagramTransport:
        return await open_udp(Behind(self, protocol), address)


class Behind(asyncio.DatagramProtocol):
    """What gets through a firewall."""

    def __init__(self, firewall: Firewall, protocol: asyncio.DatagramProtocol) -> None:
        self._firewall, self._protocol = firewall, protocol
        self.connection_made = protocol.connection_made  # type: ignore[method-assign]
        self.connection_lost = protocol.connection_lost  # type: ignore[method-assign]

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if not self._firewall.is_shut:
            self._protocol.datagram_received(data, addr)


class Deaf(asyncio.DatagramTransport):
    """A UDP socket behind a firewall: nothing goes out, nothing comes in."""

    def __init__(self, protocol: asyncio.DatagramProtocol, address: Address) -> None:
        super().__init__({"sockname": (address.host, address.port or 9)})
        self._protocol = protocol
        self._closing = False

    def sendto(self, data: Any, addr: Any = None) -> None:
        """It vanishes."""

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True
        asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)


async def deaf(protocol: asyncio.DatagramProtocol, address: Address) -> asyncio.DatagramTransport:
    transport = Deaf(protocol, address)
    protocol.connection_made(transport)
    return transport


async def test_a_node_without_udp_reads_and_writes_over_tcp_as_a_client() -> None:
    async with nodes() as group:
        first, second = [await group.start(name, port=free_port()) for name in ("first", "second")]
        second.add_contact(group.running[first])
        await until(lambda: first.status().joined and second.status().joined)
        clock, contacts = SystemClock(), [group.running[first], group.running[second]]
        carriers = [Carrier(policy=AddressPolicy(allow_private=True), clock=clock) for _ in range(2)]
        for carrier, node in zip(carriers, (first, second), strict=True):
            await carrier.start(group.running[node].address)
        walled = await group.start("walled", contacts=contacts, open_endpoint=deaf)
        assert await walled.wait_joined(10)
        assert (walled.status().is_carried, walled.status().is_server) == (True, False)
        await until(lambda: walled.status().contacts == 2)
        one = record("here", now=clock.now())
        assert await walled.put([one]) == [2]
        assert await walled.get(one.key) == [one]
        assert second.status().contacts == 1  # the walled node is nobody's contact
        await group.stop(walled)
        await until(lambda: not any(map(len, carriers)))
        for carrier in carriers:
            await carrier.stop()


async def test_a_node_that_loses_its_carrier_takes_the_next() -> None:
    async with nodes() as group:
        first, second = [await group.start(name, port=free_port()) for name in ("first", "second")]
        contacts = [group.running[first], group.running[second]]
        clock = SystemClock()
        carriers = [Carrier(policy=AddressPolicy(allow_private=True), clock=clock) for _ in range(2)]
        for carrier, node in zip(carriers, (first, second), strict=True):
            await carrier.start(group.running[node].address)
        walled = await group.start("walled", contacts=contacts, open_endpoint=deaf)
        await until(lambda: len(carriers[0]) == 1 and walled.status().joined)
        await carriers[0].stop()
        await until(lambda: len(carriers[1]) == 1 and walled.status().joined)
        one = record("here", now=clock.now())
        assert min(await walled.put([one])) >= 1
        await group.stop(walled)
        await until(lambda: not any(map(len, carriers)))
        await carriers[1].stop()


async def test_a_carried_node_moves_back_to_udp_when_that_works_and_serves_again() -> None:
    firewall = Firewall()
    async with nodes() as group:
        first = await group.start("first", port=free_port())
        carrier = Carrier(policy=AddressPolicy(allow_private=True), clock=SystemClock())
        await carrier.start(group.running[first].address)
        walled = await group.start("walled", contacts=[group.running[first]], open_endpoint=firewall.open)
        await until(lambda: walled.status().is_carried and walled.status().joined)
        assert not walled.status().is_server
        firewall.is_shut = False
        await until(lambda: not walled.status().is_carried and first.contacts() == [group.running[walled]])
        assert walled.status().is_server
        await until(lambda: len(carrier) == 0)
        one = record("here", now=SystemClock().now())
        assert await walled.put([one]) == [2]
        firewall.is_shut = True  # and back to the carrier when UDP fails again
        await until(lambda: walled.status().is_carried and walled.status().joined)
        assert await walled.get(one.key) == [one]
        await group.stop(walled)
        await until(lambda: not len(carrier))
        await carrier.stop()
