"""Ask the router at UDP port 5351 for a port, by PCP or by NAT-PMP.

Belongs here: sending, waiting, sending again. Not here: the packets (pcp.py), when to ask (node/port_mapping.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from idas_p2p.crypto.keys import random_bytes
from idas_p2p.errors import WireError
from idas_p2p.transport.mapping import Mapping, Router, Transport
from idas_p2p.transport.pcp import (
    NONCE_SIZE,
    Granted,
    nat_pmp_address_request,
    nat_pmp_request,
    pcp_request,
    read_nat_pmp,
    read_nat_pmp_address,
    read_pcp,
)
from idas_p2p.wire.address import Address

PORT: Final = 5_351  # RFC 6887 section 19.1; RFC 6886 section 3.1
WAITS: Final = (0.25, 0.5, 1.0)  # seconds for an answer, then it is sent again; RFC 6886 section 3.1, cut short

T = TypeVar("T")


class PcpMapper:
    """Maps by PCP.

    Args:
        router: to ask.
        port: of the router; others for tests.
    """

    way = "pcp"

    def __init__(self, router: Router, *, port: int = PORT) -> None:
        self._router, self._port = router, port
        self._nonce = random_bytes(NONCE_SIZE)

    async def map(self, transport: Transport, port: int, *, external_port: int, lifetime: int) -> Mapping | None:
        """Ask; see Mapper."""
        request = pcp_request(
            self._router.own_host,
            transport,
            port,
            external_port=external_port,
            lifetime=lifetime,
            nonce=self._nonce,
        )
        granted = await ask(
            self._router.host, self._port, request, lambda data: read_pcp(data, transport, port, nonce=self._nonce)
        )
        return _mapping(self.way, transport, port, granted, granted.external_host if granted else "")


class NatPmpMapper:
    """Maps by NAT-PMP.

    Args:
        router: to ask.
        port: of the router; others for tests.
    """

    way = "nat-pmp"

    def __init__(self, router: Router, *, port: int = PORT) -> None:
        self._router, self._port = router, port

    async def map(self, transport: Transport, port: int, *, external_port: int, lifetime: int) -> Mapping | None:
        """Ask; see Mapper."""
        request = nat_pmp_request(transport, port, external_port=external_port, lifetime=lifetime)
        granted = await ask(self._router.host, self._port, request, lambda data: read_nat_pmp(data, transport, port))
        if granted is None or not granted.lifetime:
            return None
        host = await ask(self._router.host, self._port, nat_pmp_address_request(), read_nat_pmp_address)
        return _mapping(self.way, transport, port, granted, host or "")


def _mapping(way: str, transport: Transport, port: int, granted: Granted | None, host: str) -> Mapping | None:
    if granted is None or not granted.lifetime or not granted.external_port or not host:
        return None
    external = Address(host, granted.external_port)
    return Mapping(way=way, transport=transport, port=port, external=external, lifetime=float(granted.lifetime))


async def ask(host: str, port: int, request: bytes, read: Callable[[bytes], T]) -> T | None:
    """Send a datagram until one comes back that `read` understands; None when none does or it is a refusal."""
    loop = asyncio.get_running_loop()
    exchange = _Exchange()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: exchange, remote_addr=(host, port))
    except OSError:
        return None
    try:
        for wait in WAITS:
            transport.sendto(request)
            try:
                async with asyncio.timeout(wait):
                    return read(await exchange.answer())
            except TimeoutError:
                continue
            except (OSError, WireError):
                return None
        return None
    finally:
        transport.close()


class _Exchange(asyncio.DatagramProtocol):
    """The first datagram that comes back, or the error instead of one; the socket takes none from others."""

    def __init__(self) -> None:
        self._done = asyncio.Event()
        self._data: bytes | None = None

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Keep the first."""
        if self._data is None:
            self._data = data
        self._done.set()

    def error_received(self, exc: Exception) -> None:
        """Nobody listens at that port."""
        self._done.set()

    async def answer(self) -> bytes:
        """Wait for it.

        Raises:
            OSError: nobody listens there.
        """
        await self._done.wait()
        if self._data is None:
            raise ConnectionRefusedError
        return self._data
