from __future__ import annotations

import asyncio
import socket

import pytest

from idas_p2p.dicom.listening import Door
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.address import Address

PATIENCE = 30.0  # seconds


async def test_connections_are_handed_over_until_the_door_is_closed() -> None:
    came: asyncio.Queue[socket.socket] = asyncio.Queue()
    door = Door(came.put_nowait)
    address = await door.open(Address("127.0.0.1", 0))
    _, writer = await asyncio.open_connection(address.host, address.port)
    async with asyncio.timeout(PATIENCE):
        (await came.get()).close()
    writer.close()
    door.close()
    door.close()
    with pytest.raises(OSError, match=r"."):
        await asyncio.open_connection(address.host, address.port)


async def test_a_connection_that_fails_does_not_stop_the_next() -> None:
    came: asyncio.Queue[int] = asyncio.Queue()

    def take(client: socket.socket) -> None:
        came.put_nowait(1)
        raise RuntimeError("a bug")

    door = Door(take)
    address = await door.open(Address("127.0.0.1", 0))
    for _ in range(2):
        _, writer = await asyncio.open_connection(address.host, address.port)
        async with asyncio.timeout(PATIENCE):
            await came.get()
        writer.close()
    door.close()


async def test_an_address_in_use_is_a_configuration_error() -> None:
    first, second = Door(lambda client: client.close()), Door(lambda client: client.close())
    address = await first.open(Address("127.0.0.1", 0))
    with pytest.raises(BadConfiguration, match="cannot listen"):
        await second.open(address)
    first.close()
