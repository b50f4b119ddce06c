from __future__ import annotations

import asyncio
import socket

import pytest

from idas_p2p.directory.sockets import open_udp, resolve, version_of
from idas_p2p.wire.address import Address
from tests.directory.network import nodes, record


async def test_a_taken_port_is_an_oserror() -> None:
    first = await open_udp(asyncio.DatagramProtocol(), Address("127.0.0.1", 0))
    port = first.get_extra_info("sockname")[1]
    with pytest.raises(OSError, match="in use"):
        await open_udp(asyncio.DatagramProtocol(), Address("127.0.0.1", port))
    first.close()


async def test_host_names_are_resolved_and_addresses_left_alone() -> None:
    assert await resolve(Address("localhost", 7)) in (Address("127.0.0.1", 7), Address("::1", 7))
    assert await resolve(Address("192.0.2.1", 7)) == Address("192.0.2.1", 7)


def test_the_version_of_an_address_is_told() -> None:
    assert [version_of(Address(host, 0)) for host in ("::", "::1", "0.0.0.0")] == [6, 6, 4]


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_limit_20_a_node_on_both_families_meets_one_on_ipv4() -> None:
    async with nodes() as group:
        both = await group.start("both", host="::")
        contact = group.running[both]
        on_v4 = await group.start(
            "v4", contacts=[type(contact)(Address("127.0.0.1", contact.address.port), contact.node_id)]
        )
        assert await on_v4.wait_joined(10)
        assert await both.wait_joined(10)
        assert both.contacts() == [group.running[on_v4]]
        written = record("here", now=_now())
        assert await both.put([written]) == [2]
        assert await on_v4.get(written.key) == [written]


def _now() -> float:
    from idas_p2p.clock import SystemClock

    return SystemClock().now()
