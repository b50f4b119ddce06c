"""Carries datagrams for nodes whose network lets no UDP out: what a bootstrap node offers over TCP.

Each connection gets a UDP socket of its own. Through it only nodes of the directory can be reached: an endpoint gets
hellos until it has answered one with the challenge that fits, and other datagrams from then on. So a carrier cannot be
made to pester anybody else.

Belongs here: connections, their bounds, what may pass. Not here: the form of the stream (carriage.py).
Source: docs/spec/directory.md section 12.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, OrderedDict
from enum import StrEnum
from typing import Any

from idas_p2p.clock import Clock
from idas_p2p.directory.addresses import AddressPolicy, normalise
from idas_p2p.directory.budgets import Budgets
from idas_p2p.directory.carriage import GREETING, FrameReader, frame
from idas_p2p.directory.sockets import open_udp
from idas_p2p.errors import WireError
from idas_p2p.events import log_event
from idas_p2p.wire.address import Address
from idas_p2p.wire.datagrams import Challenge, Hello, parse_datagram
from idas_p2p.wire.rpc import Endpoint

MAX_CARRIED = 256  # connections at once; ours
MAX_CARRIED_PER_SITE = 16  # of them with one address block or private host; ours
GREETING_TIMEOUT = 5.0  # seconds; ours
IDLE_TIMEOUT = 120.0  # seconds without a whole frame from the client; ours, it pings its contacts more often
MAX_WAITING = 262_144  # bytes not yet taken by the client; what comes beyond is lost, as on any network; ours
MAX_ENDPOINTS = 1_024  # hellos under way and endpoints that answered, of one connection; ours


class CarriageRefusal(StrEnum):
    """Why a connection is not served any more, or a datagram not carried; docs/spec/directory.md section 12."""

    TOO_MANY = "too_many"
    TOO_MANY_FROM_SITE = "too_many_from_site"
    BAD_GREETING = "bad_greeting"
    BAD_FRAME = "bad_frame"  # one announced longer than any is, too
    TIMED_OUT = "timed_out"  # no greeting in time
    SILENT = "silent"  # no whole frame in time
    TOO_OFTEN = "too_often"  # a datagram beyond the site's rate
    NOT_ANSWERED = "not_answered"  # a datagram for an endpoint that has not shown to be a node
    NOT_READING = "not_reading"  # a datagram that the client has no room for


class Carrier:
    """Serves carriage at one TCP address.

    Args:
        policy: which endpoints may be sent to.
        clock: the time.
        host: where datagrams are sent from; `start` sets it.
    """

    def __init__(self, *, policy: AddressPolicy, clock: Clock, host: str = "") -> None:
        self._policy = policy
        self._clock = clock
        self._budgets = Budgets()
        self._sites: Counter[str] = Counter()
        self.refusals: Counter[CarriageRefusal] = Counter()
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[Any]] = set()  # the server's own tasks, one per connection
        self._server: asyncio.Server | None = None
        self.host = host

    def __len__(self) -> int:
        return self._sites.total()

    async def start(self, address: Address) -> Address:
        """Listen; returns the bound address.

        Raises:
            OSError: the address cannot be bound.
        """
        self.host = address.host
        hosts = ("0.0.0.0", "::") if address.host == "::" else (address.host,)  # noqa: S104  # asyncio parts the families
        self._server = await asyncio.start_server(self.serve, hosts, address.port, limit=MAX_WAITING)
        host, port = self._server.sockets[0].getsockname()[:2]
        return Address(host, port)

    async def stop(self) -> None:
        """Close every connection, and return when each is closed."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()
        if self._serving:
            await asyncio.wait(self._serving)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, from its greeting to its end."""
        if (task := asyncio.current_task()) is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        client = normalise(writer.get_extra_info("peername"))
        site = self._policy.share(client)[0]
        try:
            if refusal := self._refusal(site):
                self.refusals[refusal] += 1
                log_event("carriage_refused", reason=str(refusal))
                return
            self._sites[site] += 1
            self._writers.add(writer)
            try:
                await self._carry(reader, writer, self._policy.payer(client))
            finally:
                self._writers.discard(writer)
                self._sites -= Counter({site: 1})
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    def _refusal(self, site: str) -> CarriageRefusal | None:
        if len(self) >= MAX_CARRIED:
            return CarriageRefusal.TOO_MANY
        return CarriageRefusal.TOO_MANY_FROM_SITE if self._sites[site] >= MAX_CARRIED_PER_SITE else None

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, payer: str) -> None:
        try:
            async with asyncio.timeout(GREETING_TIMEOUT):
                if await reader.readexactly(len(GREETING)) != GREETING:
                    self.refusals[CarriageRefusal.BAD_GREETING] += 1
                    return
        except TimeoutError:
            self.refusals[CarriageRefusal.TIMED_OUT] += 1
            return
        except (OSError, asyncio.IncompleteReadError):
            return
        passage = Passage(writer, self._policy, self.refusals)
        transport = await open_udp(passage, Address(self.host, 0), both_families=True)
        try:
            await self._pass_on(reader, passage, payer)
        except TimeoutError:
            self.refusals[CarriageRefusal.SILENT] += 1
        except WireError:
            self.refusals[CarriageRefusal.BAD_FRAME] += 1
        except OSError:
            pass  # the client is gone
        finally:
            transport.close()

    async def _pass_on(self, reader: asyncio.StreamReader, passage: Passage, payer: str) -> None:
        """Until the stream ends; a frame that comes by single bytes does not count as life until it is whole."""
        frames, loop = FrameReader(), asyncio.get_running_loop()
        idle_at = loop.time() + IDLE_TIMEOUT
        while True:
            async with asyncio.timeout_at(idle_at):
                data = await reader.read(65_536)
            if not data:
                return
            for endpoint, datagram in frames.feed(data):
                idle_at = loop.time() + IDLE_TIMEOUT
                now = self._clock.monotonic()
                if self._budgets.allows(payer, now=now):
                    self._budgets.spend(payer, 1.0, now=now)
                    passage.send(endpoint, datagram)
                else:
                    self.refusals[CarriageRefusal.TOO_OFTEN] += 1


class Passage(asyncio.DatagramProtocol):
    """The UDP side of one connection.

    Args:
        writer: to the client.
        policy: which endpoints may be sent to.
        refusals: counts what is not carried.
    """

    def __init__(
        self, writer: asyncio.StreamWriter, policy: AddressPolicy, refusals: Counter[CarriageRefusal] | None = None
    ) -> None:
        self._writer = writer
        self._policy = policy
        self._refusals = Counter[CarriageRefusal]() if refusals is None else refusals
        self._transport: asyncio.DatagramTransport | None = None
        self._maps_v4 = False
        self._greeted: OrderedDict[tuple[Endpoint, bytes], None] = OrderedDict()
        self._known: OrderedDict[Endpoint, None] = OrderedDict()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = transport  # type: ignore[assignment]  # asyncio gives a datagram transport
        self._maps_v4 = ":" in transport.get_extra_info("sockname")[0]

    def send(self, endpoint: Endpoint, data: bytes) -> bool:
        """Pass a datagram on, unless it may not go there; returns whether it went."""
        try:
            datagram = parse_datagram(data)
        except WireError:
            return False
        if self._transport is None or not self._policy.accepts(endpoint):
            return False
        if isinstance(datagram, Hello):
            _remember(self._greeted, (endpoint, datagram.token))
        elif endpoint not in self._known:
            self._refusals[CarriageRefusal.NOT_ANSWERED] += 1
            return False
        host, port = endpoint
        self._transport.sendto(data, (f"::ffff:{host}" if self._maps_v4 and ":" not in host else host, port))
        return True

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Pass a datagram back from a node that was greeted and answered."""
        endpoint = normalise(addr)
        with contextlib.suppress(WireError):
            datagram = parse_datagram(data)
            if isinstance(datagram, Challenge) and (endpoint, datagram.token) in self._greeted:
                _remember(self._known, endpoint)
            if endpoint not in self._known:
                return
            if self._writer.transport.get_write_buffer_size() < MAX_WAITING:
                self._writer.write(frame(endpoint, data))
            else:
                self._refusals[CarriageRefusal.NOT_READING] += 1


def _remember(memory: OrderedDict[Any, None], entry: object) -> None:
    memory.pop(entry, None)
    memory[entry] = None
    while len(memory) > MAX_ENDPOINTS:
        memory.popitem(last=False)
