"""How TCP connections leave this node: directly, or as its network demands (proxied.py).

Belongs here: what a way is, and the direct one. Not here: which addresses, in which order (dialer.py).
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Final, Protocol

from idas_p2p.errors import PeerUnreachable
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.secure import MAX_HANDSHAKE_FRAME
from idas_p2p.transport.sockets import socket_address
from idas_p2p.wire.address import Address

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Way(Protocol):
    """Opens connections."""

    @property
    def is_direct(self) -> bool:
        """Whether connections come from a port of ours, so that both sides can open one at the same moment."""
        ...

    async def resolve(self, address: Address) -> list[Address]:
        """What to connect to for a host name; PeerUnreachable when there is none."""
        ...

    async def connect(self, address: Address) -> Connection:
        """Open a connection to an IP address or host name; PeerUnreachable when it does not come about."""
        ...

    async def open_stream(self, host: str, port: int) -> Stream:
        """The same for a stream of bytes; OSError when it does not come about."""
        ...


class Direct:
    """Sockets of our own."""

    @property
    def is_direct(self) -> bool:
        """It is."""
        return True

    async def resolve(self, address: Address) -> list[Address]:
        """The IP addresses of a host name, in the order the resolver prefers (RFC 6724)."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise PeerUnreachable(f"{address}: no such host name") from None
        return [socket_address(name) for _, _, _, _, name in found]

    async def connect(self, address: Address) -> Connection:
        """Open a TCP connection; see Way."""
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(max_frame=MAX_HANDSHAKE_FRAME), address.host, address.port
            )
        except OSError as error:
            raise PeerUnreachable(f"{address}: {why(error)}") from None
        return connection

    async def open_stream(self, host: str, port: int) -> Stream:
        """Open a stream; see Way."""
        return await asyncio.open_connection(host, port)


DIRECT: Final = Direct()


def why(error: OSError) -> str:
    """The reason in the system's words, without the address that Python puts before it."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
