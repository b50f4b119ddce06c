"""UDP sockets of the directory: the only place that opens them.

Belongs here: options and families. Not here: what is sent. A simulator passes its own function of the same shape.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket

from idas_p2p.wire.address import Address

BUFFER_SIZE = 4_194_304  # bytes asked of the kernel each way; a burst of a thousand full datagrams


async def open_udp(
    protocol: asyncio.DatagramProtocol, address: Address, *, both_families: bool = False
) -> asyncio.DatagramTransport:
    """Bind a UDP socket and hand it to `protocol`.

    Args:
        protocol: takes what arrives.
        address: an IP address and port.
        both_families: whether a socket on `::` takes IPv4 too, as addresses mapped into IPv6; nodes of the directory
            have a socket for each family instead.

    Raises:
        OSError: the address cannot be bound.
    """
    is_v6 = ipaddress.ip_address(address.host).version == 6
    raw = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        raw.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, option, BUFFER_SIZE)
        if is_v6:
            raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both_families)
        raw.bind((address.host, address.port))
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: protocol, sock=raw)
    except BaseException:
        raw.close()
        raise
    return transport


async def resolve(address: Address) -> Address:
    """The same address with a host name looked up.

    Raises:
        OSError: the name has no address.
    """
    if address.is_ip:
        return address
    found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)
    return Address(str(found[0][4][0]), address.port)


def version_of(address: Address) -> int:
    """The IP version of a resolved address: 4 or 6."""
    return ipaddress.ip_address(address.host).version
