"""The direct way out: sockets of our own."""

from __future__ import annotations

import asyncio

import pytest

from idas_p2p.errors import PeerUnreachable
from idas_p2p.transport.way import DIRECT, why
from idas_p2p.wire.address import Address
from tests.transport.pairs import listening
from tests.transport.test_dialer import closed_port


async def test_a_name_is_looked_up_here() -> None:
    assert Address("127.0.0.1", 443) in await DIRECT.resolve(Address("localhost", 443))
    with pytest.raises(PeerUnreachable, match="no such host name"):
        await DIRECT.resolve(Address("nowhere.invalid", 443))


async def test_a_connection_and_a_stream_lead_to_who_listens() -> None:
    async with listening() as (_, address):
        connection = await DIRECT.connect(address)
        assert connection.remote == address
        connection.abort()
        reader, writer = await DIRECT.open_stream(address.host, address.port)
        assert isinstance(reader, asyncio.StreamReader)
        writer.close()


async def test_a_port_that_is_closed_is_unreachable_for_a_reason() -> None:
    with pytest.raises(PeerUnreachable, match="Connection refused"):
        await DIRECT.connect(closed_port())


def test_a_reason_is_the_systems_or_what_was_said() -> None:
    assert why(OSError(111, "connect call failed (x, 1)")) == "Connection refused"
    assert why(OSError("nothing known")) == "nothing known"
