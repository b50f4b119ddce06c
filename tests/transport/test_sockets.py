"""Socket options and addresses."""

from __future__ import annotations

import asyncio
import socket

import pytest

from idas_p2p.transport.sockets import remote_address, socket_address, tune
from idas_p2p.wire.address import Address


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (("192.0.2.1", 5), Address("192.0.2.1", 5)),
        (("2001:db8::1", 5, 0, 0), Address("2001:db8::1", 5)),
        (("fe80::1%eth0", 5, 0, 2), Address("fe80::1", 5)),
        (("::ffff:192.0.2.1", 5, 0, 0), Address("192.0.2.1", 5)),
        (None, Address("0.0.0.0", 0)),
        ("", Address("0.0.0.0", 0)),
    ],
)
def test_a_socket_name_becomes_a_plain_address(name: tuple[str, int] | None, expected: Address) -> None:
    assert socket_address(name) == expected


async def test_a_tuned_socket_does_not_hold_back_small_messages_and_notices_a_dead_peer() -> None:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, port)
    tune(transport)
    sock = transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert remote_address(transport) == Address(host, port)
    transport.close()
    server.close()
    await server.wait_closed()
