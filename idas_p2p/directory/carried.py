"""A node whose network lets no UDP out: its datagrams go over TCP to a bootstrap node, which sends them on.

Belongs here: noticing, connecting, coming back. Not here: the form of the stream (carriage.py), joining (joining.py).
While it is carried a node is a client: others could reach it only through the carrier. It tries UDP again now and then,
and moves back when that works. Source: docs/spec/directory.md section 12.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Sequence

from idas_p2p.directory.carriage import GREETING, FrameReader, frame
from idas_p2p.directory.pace import Pace
from idas_p2p.errors import WireError
from idas_p2p.events import log_event
from idas_p2p.wire.address import Contact
from idas_p2p.wire.rpc import Endpoint

CONNECT_TIMEOUT = 5.0  # seconds; ours
MAX_WAITING = 262_144  # bytes not yet taken by the carrier; what comes beyond is lost; ours

OpenStream = Callable[[str, int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
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
        reaches_by_udp: tries whether a bootstrap node answers a datagram.
        pace: how long until UDP, or a carrier, counts as useless, and until UDP is tried again.
        open_stream: opens a TCP connection to a host and port.
    """

    def __init__(
        self,
        contacts: Callable[[], Sequence[Contact]],
        *,
        is_joined: Callable[[], bool],
        receive: Receive,
        use: UseCarriage,
        reaches_by_udp: Callable[[], Awaitable[bool]],
        pace: Pace,
        open_stream: OpenStream = asyncio.open_connection,
    ) -> None:
        self._contacts, self._is_joined, self._receive, self._use = contacts, is_joined, receive, use
        self._reaches_by_udp, self._pace, self._open_stream = reaches_by_udp, pace, open_stream
        self._retry = pace.retry_udp  # seconds; longer where datagrams pass now and then only
        self._by_udp_since = -math.inf  # loop time

    async def run(self) -> None:
        """For ever: where UDP brought no contact in time, try the carriers one after the other."""
        while True:
            await asyncio.sleep(self._pace.carry)
            lost_carrier = False
            for contact in self._contacts():
                if lost_carrier or not self._is_joined():
                    lost_carrier = await self._try(contact)

    async def _try(self, contact: Contact) -> bool:
        """Use one carrier until its stream ends, it proves useless or UDP works.

        Returns:
            Whether it was of use and is gone, so that the next is needed at once.
        """
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                reader, writer = await self._open_stream(contact.address.host, contact.address.port)
        except (OSError, TimeoutError):
            return False
        was_joined = by_udp = False
        try:
            writer.write(GREETING)
            self._use(Carriage(writer))
            log_event("directory_carried", peer=contact.node_id.short)
            by_udp = await self._until_over(reader)
        finally:
            was_joined = self._is_joined()
            self._use(None)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return was_joined and not by_udp

    async def _until_over(self, reader: asyncio.StreamReader) -> bool:
        """Carry; returns True when UDP works, False when the stream is of no more use."""
        loop = asyncio.get_running_loop()
        lasted = loop.time() - self._by_udp_since
        self._retry = self._pace.retry_udp if lasted > self._retry else min(2 * self._retry, self._pace.last_retry_udp)
        async with asyncio.TaskGroup() as group:
            reading, watching = group.create_task(self._read(reader)), group.create_task(self._until_udp_works())
            await asyncio.wait((reading, watching), return_when=asyncio.FIRST_COMPLETED)
            by_udp = watching.done() and not reading.done()
            reading.cancel()
            watching.cancel()
        if by_udp:
            self._by_udp_since = loop.time()
            log_event("directory_by_udp_again")
        return by_udp

    async def _until_udp_works(self) -> None:
        while True:
            await asyncio.sleep(self._retry)
            if await self._reaches_by_udp():
                return

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Take what comes until the stream ends, breaks its form, or brought no contact for a while."""
        frames = FrameReader()
        loop = asyncio.get_running_loop()
        useful_until = loop.time() + self._pace.carry
        while loop.time() < useful_until:
            try:
                async with asyncio.timeout_at(useful_until):
                    data = await reader.read(65_536)
                if not data:
                    return
                for endpoint, datagram in frames.feed(data):
                    self._receive(datagram, endpoint)
            except TimeoutError:
                pass
            except (OSError, WireError):
                return
            if self._is_joined():
                useful_until = loop.time() + self._pace.carry
