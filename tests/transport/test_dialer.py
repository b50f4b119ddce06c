"""Reaching a node at one of several addresses, and which failure is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from idas_p2p.crypto.handshake import Responder
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.errors import HandshakeFailed, PeerUnreachable
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.listener import Listener
from idas_p2p.wire.address import Address
from tests.transport.pairs import BOB, LOOPBACK, MALLORY, dial_bob, echo, known_psk, listening, until


@asynccontextmanager
async def another_node() -> AsyncIterator[Address]:
    """MALLORY, who answers where BOB was expected."""
    listener = Listener(MALLORY, find_psk=known_psk, on_channel=echo, admits=lambda *_: True, owner=TaskOwner(limit=9))
    yield await listener.start(LOOPBACK)
    await listener.stop()


@asynccontextmanager
async def silent_host(*, answers_hello: bool = False) -> AsyncIterator[Address]:
    """Accepts connections and says nothing, or no more than the second message."""
    connections: list[Connection] = []
    answering: list[asyncio.Future[None]] = []

    async def answer(connection: Connection) -> None:
        responder = Responder(BOB, find_psk=known_psk, admits=lambda *_: True, random_bytes=random_bytes)
        connection.write(responder.read_hello(await connection.receive()))

    def made(connection: Connection) -> None:
        connections.append(connection)
        if answers_hello:
            answering.append(asyncio.gather(answer(connection)))

    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(max_frame=1_000, on_made=made), LOOPBACK.host, 0
    )
    yield Address(*server.sockets[0].getsockname())
    await asyncio.gather(*answering)
    server.close()
    await asyncio.gather(*(connection.close() for connection in connections))


def closed_port(host: str = "127.0.0.1") -> Address:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        return Address(host, sock.getsockname()[1])


async def test_a_dialled_channel_says_whom_it_reached_and_where() -> None:
    async with listening() as (_, address):
        channel = await dial_bob(address)
        assert (channel.peer, channel.remote, channel.path) == (BOB.node_id, address, "direct")
        await channel.close()


async def test_a_stranger_at_the_first_address_is_passed_over() -> None:
    async with another_node() as wrong, listening() as (_, right):
        channel = await dial_bob(wrong, right)
        assert channel.remote == right
        await channel.close()


async def test_a_stranger_at_the_only_address_is_a_handshake_failed_and_learns_nothing() -> None:
    async with another_node() as wrong:
        with pytest.raises(HandshakeFailed):
            await dial_bob(wrong)


async def test_a_silent_first_address_is_overtaken() -> None:
    async with silent_host() as silent, listening() as (_, address):
        channel = await dial_bob(silent, address)
        assert channel.remote == address
        await channel.close()


async def test_a_closed_port_is_passed_over_and_alone_is_a_peer_unreachable() -> None:
    async with listening() as (_, address):
        await (await dial_bob(closed_port(), closed_port(), address)).close()
    with pytest.raises(PeerUnreachable):
        await dial_bob(closed_port())


async def test_a_handshake_that_failed_tells_more_than_a_closed_port() -> None:
    async with another_node() as wrong:
        with pytest.raises(HandshakeFailed):
            await dial_bob(closed_port(), wrong, closed_port())


@pytest.mark.parametrize("answers_hello", [False, True])
async def test_a_node_that_falls_silent_is_a_peer_unreachable_at_the_deadline(answers_hello: bool) -> None:
    async with silent_host(answers_hello=answers_hello) as silent:
        with pytest.raises(PeerUnreachable, match=r"0\.05 seconds"):
            await dial_bob(silent, timeout=0.05)


async def test_a_host_name_is_resolved() -> None:
    async with listening() as (_, address):
        channel = await dial_bob(Address("localhost", address.port))
        assert channel.remote.is_ip
        await channel.close()


async def test_a_host_name_that_cannot_exist_is_a_peer_unreachable() -> None:
    with pytest.raises(PeerUnreachable, match="no such host name"):
        await dial_bob(Address("a" * 64 + ".invalid", 1))


async def test_without_a_usable_address_nothing_is_tried() -> None:
    for addresses in ([], [Address("0.0.0.0", 5)], [Address("192.0.2.1", 0)]):
        with pytest.raises(PeerUnreachable, match="no address"):
            await dial_bob(*addresses)


async def test_a_cancelled_dial_leaves_no_connection() -> None:
    async with listening(handshake_timeout=60.0) as (listener, address), silent_host() as silent:
        dialling = asyncio.gather(dial_bob(silent, timeout=60.0))
        await asyncio.sleep(0)
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        await (await dial_bob(address)).close()
        await until(lambda: not listener.gate.channels)
