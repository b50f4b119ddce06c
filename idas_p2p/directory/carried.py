"""A node whose network lets no UDP out: its datagrams go over TCP to a bootstrap node, which sends them on.

Belongs here: noticing, connecting, coming back. Not here: the form of the stream (carriage.py), joining (joining.py).
While it is carried a node is a client: others could reach it only through the carrier. Source: docs/spec/directory.md
section 12.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from idas_p2p.directory.carriage import GREETING, FrameReader, frame
from idas_p2p.errors import WireError
from idas_p2p.events import log_event
from idas_p2p.wire.address import Contact
from idas_p2p.wire.rpc import Endpoint

PATIENCE = 10.0  # seconds without any contact until UDP counts as blocked; ours
CONNECT_TIMEOUT = 5.0  # seconds; ours
MAX_WAITING = 262_144  # bytes not yet taken by the carrier; what comes beyond is lost; ours

Receive = Callable[[bytes, Endpoint], None]
UseCarriage = Callable[["Carriage | None"], None]


class Carriage:
    """An open stream to a carrier.

    Args:
        writer: the stream.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def sendto(self, data: bytes, endpoint: Endpoint) -> None:
        """Have a datagram sent to an endpoint."""
        transport = self._writer.transport
        if not transport.is_closing() and transport.get_write_buffer_size() < MAX_WAITING:
            self._writer.write(frame(endpoint, data))


class Carried:
    """Watches over one node.

    Args:
        contacts: bootstrap nodes; carriage is at the TCP port of the same number.
        is_joined: whether the node has a contact.
        receive: takes a datagram and where it came from.
        use: told to send through a carriage from now on, or through UDP again.
        patience: seconds without a contact until UDP, or a carrier, counts as useless.
    """

    def __init__(
        self,
        contacts: Callable[[], Sequence[Contact]],
        *,
        is_joined: Callable[[], bool],
        receive: Receive,
        use: UseCarriage,
        patience: float = PATIENCE,
    ) -> None:
        self._contacts, self._is_joined, self._receive, self._use = contacts, is_joined, receive, use
        self._patience = patience

    async def run(self) -> None:
        """For ever: where UDP brought no contact in time, try the carriers one after the other."""
        while True:
            await asyncio.sleep(self._patience)
            was_carried = False
            for contact in self._contacts():
                if was_carried or not self._is_joined():
                    was_carried = await self._try(contact)

    async def _try(self, contact: Contact) -> bool:
        """Use one carrier until its stream ends or it proves useless; whether we were joined by it."""
        was_joined = False
        with contextlib.suppress(OSError, TimeoutError, WireError):
            async with asyncio.timeout(CONNECT_TIMEOUT):
                reader, writer = await asyncio.open_connection(contact.address.host, contact.address.port)
            try:
                writer.write(GREETING)
                self._use(Carriage(writer))
                log_event("directory_carried", peer=contact.node_id.short)
                await self._read(reader)
            finally:
                was_joined = self._is_joined()
                self._use(None)
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        return was_joined

    async def _read(self, reader: asyncio.StreamReader) -> None:
        frames = FrameReader()
        loop = asyncio.get_running_loop()
        useful_until = loop.time() + self._patience
        while loop.time() < useful_until:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(useful_until):
                    data = await reader.read(65_536)
                if not data:
                    return
                for endpoint, datagram in frames.feed(data):
                    self._receive(datagram, endpoint)
            if self._is_joined():
                useful_until = loop.time() + self._patience
