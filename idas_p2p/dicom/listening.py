"""One place where this node accepts connections.

Law: nothing that happens on one connection stops the next from being accepted.
Belongs here: the listening socket. Not here: what becomes of a connection (server.py).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from idas_p2p.errors import BadConfiguration
from idas_p2p.events import log_failure
from idas_p2p.wire.address import Address

BACKLOG: Final = 64  # connections the kernel holds until they are accepted; ours
RETRY_DELAY: Final = 0.1  # seconds to wait after the machine refused a connection (no file descriptors); ours


class Door:
    """A listening socket on the running loop.

    Args:
        on_connection: takes each connected socket, on the loop.
    """

    def __init__(self, on_connection: Callable[[socket.socket], None]) -> None:
        self._on_connection = on_connection
        self._loop = asyncio.get_running_loop()
        self._listener: socket.socket | None = None

    async def open(self, address: Address) -> Address:
        """Listen.

        Returns:
            The bound address, its port chosen by the system when 0 was asked for.

        Raises:
            BadConfiguration: the address cannot be bound.
        """
        self._listener = await _listen(address)
        host, port = self._listener.getsockname()[:2]
        self._watch()
        return Address(host, port)

    def close(self) -> None:
        """Accept no more. Idempotent."""
        if self._listener is not None:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def _watch(self) -> None:
        if self._listener is not None:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        """Take the connections that wait. On the loop, whenever there are some."""
        while self._listener is not None:
            try:
                client, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # out of file descriptors, most likely: others must end first
                log_failure("accept_failed", error)
                self._loop.remove_reader(self._listener.fileno())
                self._loop.call_later(RETRY_DELAY, self._watch)
                return
            try:
                self._on_connection(client)
            except Exception as error:  # the connection may be gone already; the next one will be another
                log_failure("connection_failed", error)
                client.close()


async def _listen(address: Address) -> socket.socket:
    """A listening socket, not blocking.

    Raises:
        BadConfiguration: no such address here, or it is in use.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
    except OSError:
        raise BadConfiguration(f"cannot listen for DICOM at {address}") from None
    return listener
