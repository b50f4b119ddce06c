"""How others see a UDP socket of this machine."""

from __future__ import annotations

import asyncio

from bootstrap.stun import answer
from idas_p2p.transport.observed import observed_as
from idas_p2p.wire.address import Address


class Desk(asyncio.DatagramProtocol):
    """Answers as a STUN server does; before that it sends what is none."""

    def __init__(self, *noise: bytes) -> None:
        self._noise = noise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        told = answer(data, Address(*addr))
        assert isinstance(told, bytes)
        for datagram in (*self._noise, told[:3] + b"\xff" + told[4:], told, told):
            self._transport.sendto(datagram, addr)  # type: ignore[attr-defined]


async def test_each_server_tells_once_what_it_sees_and_anything_else_is_passed_over() -> None:
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_datagram_endpoint(lambda: Desk(b"", b"\0" * 20, b"no answer"), local_addr=("127.0.0.1", 0))
        for _ in range(2)
    ]
    servers = [Address(*transport.get_extra_info("sockname")) for transport, _ in made]
    port, seen = await observed_as(servers, timeout=20.0)
    for transport, _ in made:
        transport.close()
    assert seen == [Address("127.0.0.1", port)] * 2


async def test_servers_that_do_not_answer_or_do_not_exist_are_left_out() -> None:
    _, seen = await observed_as([Address("127.0.0.1", 9), Address("boot.invalid", 7300)], timeout=0.2)
    assert seen == []
