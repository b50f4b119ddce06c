"""Socket options and addresses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from idas_p2p.transport.sockets import line_state, pace, remote_address, round_trip, socket_address, tune, with_port
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


def test_a_port_that_any_may_be_is_free_for_tcp_and_udp() -> None:
    chosen = with_port(Address("127.0.0.1", 0))
    with socket.create_server(("127.0.0.1", chosen.port)), socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", chosen.port))
    assert with_port(Address("192.0.2.1", 5)) == Address("192.0.2.1", 5)


def test_a_host_that_is_not_ours_has_no_port_for_us() -> None:
    with pytest.raises(OSError, match="assign"):
        with_port(Address("192.0.2.1", 0))


@asynccontextmanager
async def connected() -> AsyncIterator[asyncio.Transport]:
    """One end of a connection on this machine."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, port)
    try:
        yield transport
    finally:
        transport.close()
        server.close()
        await server.wait_closed()


async def test_the_kernel_tells_of_the_line_and_takes_a_rate() -> None:
    async with connected() as transport:
        transport.write(bytes(10_000))
        line = line_state(transport)
        assert line is not None
        assert 0 < line.shortest <= line.round_trip < 10
        sock = transport.get_extra_info("socket")
        for rate, kept in ((1_000_000.5, 1_000_000), (1e12, 2**32 - 2), (0.0, 1), (None, 2**32 - 1)):
            pace(transport, rate)
            assert sock.getsockopt(socket.SOL_SOCKET, 47) & 0xFFFF_FFFF == kept


async def test_what_is_no_socket_tells_nothing_and_takes_nothing() -> None:
    transport = asyncio.Transport()
    assert line_state(transport) is None
    pace(transport, 1.0)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_socket_that_is_closed_tells_nothing_and_takes_nothing(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def closed() -> None:
        async with connected() as transport:
            pass
        await asyncio.sleep(0)
        assert (round_trip(transport), line_state(transport)) == (None, None)
        pace(transport, 1.0)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(closed())


async def test_a_tuned_socket_does_not_hold_back_small_messages_and_notices_a_dead_peer() -> None:
    async with connected() as transport:
        tune(transport)
        sock = transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert remote_address(transport) == socket_address(sock.getpeername())


async def test_tuning_never_makes_a_send_buffer_smaller() -> None:
    async with connected() as transport:
        sock = transport.get_extra_info("socket")
        before = sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        tune(transport)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= before
