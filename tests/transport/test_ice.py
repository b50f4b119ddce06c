"""A way by UDP: which addresses are told, what a STUN server adds, and what strangers and peers cannot do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
from aioice import stun

from bootstrap.stun import Stun
from idas_p2p.errors import PeerUnreachable
from idas_p2p.transport.ice import MAX_HOSTS, MAX_REMOTE, MAX_WAITING, IceAgent
from idas_p2p.transport.sockets import socket_address
from idas_p2p.wire.address import Address
from idas_p2p.wire.ice import OF_HOST, IceCandidate
from tests.directory.network import ManualClock

HERE = "127.0.0.1"
ELSEWHERE = Address("192.0.2.1", 443)  # RFC 5737: nobody


@asynccontextmanager
async def agents(count: int = 2, **options: Any) -> AsyncIterator[list[IceAgent]]:
    """Agents at the loopback, the first of which controls; they are closed."""
    options = {"hosts": [HERE], "told": [HERE], "servers": [], **options}
    made = [IceAgent(controlling=number == 0, **options) for number in range(count)]
    try:
        async with asyncio.timeout(30):
            yield made
    finally:
        async with asyncio.timeout(10):
            for agent in made:
                await agent.close()


async def meet(one: IceAgent, other: IceAgent) -> None:
    told = [(agent.local_username, agent.local_password, await agent.gather()) for agent in (one, other)]
    await asyncio.gather(one.reach(*told[1]), other.reach(*told[0]))


@pytest.mark.parametrize("host", [HERE, "::1"])
async def test_two_agents_find_a_way_and_know_where_the_other_is(host: str) -> None:
    async with agents(hosts=[host], told=[host]) as (one, other):
        await meet(one, other)
        assert (one.remote, other.remote) == (place_of(other), place_of(one))
        await one.send(b"\x16 as DTLS begins")
        assert await other.recv() == b"\x16 as DTLS begins"


async def test_an_address_that_others_are_not_told_is_used_and_not_told() -> None:
    async with agents(1, told=[]) as (agent,):
        assert await agent.gather() == ()
        assert len(agent._protocols) == 1


async def test_no_more_sockets_are_opened_than_a_few() -> None:
    async with agents(1, hosts=[f"127.0.0.{n}" for n in range(1, 9)]) as (agent,):
        await agent.gather()
        assert len(agent._protocols) == MAX_HOSTS


async def test_a_machine_without_a_usable_address_says_so() -> None:
    async with agents(1, hosts=[ELSEWHERE.host]) as (agent,):
        with pytest.raises(PeerUnreachable, match="no UDP socket"):
            await agent.gather()


class Silent(asyncio.DatagramProtocol):
    """The directory, which is not asked."""


async def test_what_the_bootstrap_node_sees_is_told_though_another_server_is_silent() -> None:
    """A socket of every interface sends from one of them, and the bootstrap node tells which."""
    server = await Stun(clock=ManualClock()).open_udp(Silent(), Address(HERE, 0))
    try:
        servers = [Address("127.0.0.9", 9), socket_address(server.get_extra_info("sockname"))]
        async with agents(1, hosts=["0.0.0.0"], told=[], servers=servers) as (agent,):
            (seen,) = await agent.gather()
        assert (seen.kind, seen.address.host) == (1, HERE)
    finally:
        server.abort()


async def test_an_address_of_its_own_at_which_a_machine_is_seen_is_told_too() -> None:
    server = await Stun(clock=ManualClock()).open_udp(Silent(), Address(HERE, 0))
    try:
        seen_by = [socket_address(server.get_extra_info("sockname"))]
        async with agents(1, told=[], servers=seen_by) as (agent,):
            assert await agent.gather() == (IceCandidate(OF_HOST, place_of(agent)),)
    finally:
        server.abort()


async def test_where_nobody_answers_it_is_the_deadline_that_ends_it() -> None:
    async with agents(1) as (agent,):
        await agent.gather()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await agent.reach("user", "p" * 22, [IceCandidate(OF_HOST, ELSEWHERE)])


async def test_nodes_of_two_ip_families_are_told_so_at_once() -> None:
    async with agents(1) as (agent,):
        await agent.gather()
        with pytest.raises(PeerUnreachable, match="only IPv6"):
            await agent.reach("user", "p" * 22, [IceCandidate(OF_HOST, Address("2001:db8::1", 7_000))])


async def test_without_any_candidate_it_fails_by_name() -> None:
    async with agents(1) as (agent,):
        await agent.gather()
        with pytest.raises(PeerUnreachable):
            await agent.reach("user", "p" * 22, [])


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x80\xc8rtcp",
        b"plain text",
        bytes.fromhex("000100082112a442") + bytes(12) + bytes.fromhex("0024000300000000"),  # PRIORITY of 3 bytes
        bytes.fromhex("000100082112a442") + bytes(12) + bytes.fromhex("00060004ffffffff"),  # USERNAME that is no text
        bytes.fromhex("000100002112a442") + bytes(12),
    ],
    ids=["empty", "rtcp", "text", "short_priority", "no_text", "no_credentials"],
)
async def test_what_a_stranger_sends_is_dropped_and_no_exception_is_left(datagram: bytes) -> None:
    async with agents() as (one, other):
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        await meet(one, other)
        throw([datagram], place_of(other))
        await one.send(b"\x17 after it")
        assert await other.recv() == b"\x17 after it"
        assert failures == []


async def test_a_flood_before_anybody_reads_is_bounded() -> None:
    async with agents(1) as (agent,):
        await agent.gather()
        for _ in range(2 * MAX_WAITING):
            agent.data_received(b"\x16 flood", 1)
        assert agent._queue.qsize() == MAX_WAITING


async def test_a_peer_that_checks_from_everywhere_has_us_send_to_a_few_places_only() -> None:
    async with agents() as (one, other):
        await meet(one, other)
        for port in range(10_000, 10_000 + 3 * MAX_REMOTE):
            check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, attributes={"PRIORITY": 1})
            one.check_incoming(check, ("192.0.2.7", port), one._protocols[0])
        assert len(one._remote_candidates) == MAX_REMOTE


async def test_a_check_without_a_priority_is_passed_over() -> None:
    async with agents() as (one, other):
        await meet(one, other)
        bare = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        one.check_incoming(bare, ("192.0.2.7", 9), one._protocols[0])
        assert len(one._remote_candidates) == 1


def place_of(agent: IceAgent) -> Address:
    return socket_address(agent._protocols[0].transport.get_extra_info("sockname"))


def throw(datagrams: Sequence[bytes], place: Address) -> None:
    """Send them from a socket of somebody else."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        for datagram in datagrams:
            sock.sendto(datagram, (place.host, place.port))
