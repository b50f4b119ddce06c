"""A node's side of a link to a relay, against the real one and against what only looks like one."""

from __future__ import annotations

import asyncio

import pytest

from idas_p2p.errors import ChannelClosed, HandshakeFailed, PeerUnreachable
from idas_p2p.transport.relay_link import open_link
from idas_p2p.wire.address import Address
from idas_p2p.wire.relay import Ping, Pong, Reserve, Reserved
from tests.bootstrap.relaying import RELAY, relaying
from tests.transport.pairs import ALICE
from tests.transport.test_dialer import closed_port


async def test_messages_pass_in_order() -> None:
    async with relaying() as relay:
        link = await relay.link(ALICE)
        link.send(Ping())
        link.send(Reserve())
        assert isinstance(await link.receive(), Pong)
        reserved = await link.receive()
        assert isinstance(reserved, Reserved)
        assert reserved.observed.host == "127.0.0.1"
        await link.close()
        with pytest.raises(ChannelClosed):
            link.send(Ping())


async def test_a_relay_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(PeerUnreachable):
        await open_link(ALICE, RELAY.node_id, closed_port())


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes([0, 0, 0, 48]) + bytes(48)])
async def test_something_else_at_its_port_is_known_for_what_it_is(says: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(says)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    with pytest.raises(HandshakeFailed):
        await open_link(ALICE, RELAY.node_id, Address(*server.sockets[0].getsockname()))
    server.close()
