"""One TCP port for everything a bootstrap node offers: the first 16 bytes say what a connection is for.

Belongs here: listening, greetings, how many may stand at the door. Not here: what is behind it (relay.py, and
idas_p2p/directory/carrier.py). Source: docs/spec/relay.md section 2.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final, cast

from bootstrap.relay import Relay
from bootstrap.relay_link import Fault
from idas_p2p.crypto.handshake import Refusal
from idas_p2p.directory.carriage import GREETING as CARRIAGE_GREETING
from idas_p2p.directory.carrier import MAX_WAITING, Carrier
from idas_p2p.transport.gate import Gate
from idas_p2p.transport.sockets import remote_address, socket_address, tune
from idas_p2p.wire.address import Address
from idas_p2p.wire.relay import ANSWER_GREETING, GREETING_SIZE, LINK_GREETING, NONCE_SIZE

GREETING_TIMEOUT: Final = 5.0  # seconds; ours
MAX_AT_DOOR: Final = 1_024  # connections that have not said what they are for; ours
MAX_AT_DOOR_PER_HOST: Final = 128  # of them from one IPv4 address or IPv6 /64; ours: a hospital behind one address
BACKLOG: Final = 1_024  # connections the kernel holds for us; ours: all nodes come back at once after an outage


class Door:
    """Listens on one TCP address.

    Args:
        carrier: carries datagrams.
        relay: connects nodes; None where the operator does not offer that.
        max_per_host: of connections that have not said what they are for.
    """

    def __init__(self, carrier: Carrier, relay: Relay | None, *, max_per_host: int = MAX_AT_DOOR_PER_HOST) -> None:
        self._carrier, self._relay = carrier, relay
        self._gate = Gate(max_half_open=MAX_AT_DOOR, max_half_open_per_host=max_per_host, max_channels=MAX_AT_DOOR)
        self._server: asyncio.Server | None = None
        self._knocks: set[Knock] = set()
        self.faults: Counter[Fault] = relay.faults if relay is not None else Counter()

    async def start(self, address: Address) -> Address:
        """Listen; returns the bound address.

        Raises:
            OSError: the address cannot be bound.
        """
        hosts = ("0.0.0.0", "::") if address.host == "::" else (address.host,)  # noqa: S104  # asyncio parts the families
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Knock(self), hosts, address.port, backlog=BACKLOG)
        return socket_address(self._server.sockets[0].getsockname())

    def stop(self) -> None:
        """Take no more connections, and close those that have not said what they are for."""
        if self._server is not None:
            self._server.close()
        for knock in list(self._knocks):
            knock.transport.abort()

    def enter(self, knock: Knock) -> bool:
        """Count a connection in, or refuse it."""
        refusal = self._gate.enter(knock.host)
        if refusal is None:
            self._knocks.add(knock)
            return True
        many = refusal is Refusal.TOO_MANY_FROM_HOST
        self.count(Fault.TOO_MANY_FROM_HOST if many else Fault.TOO_MANY_HALF_OPEN)
        return False

    def leave(self, knock: Knock) -> None:
        """Count it out; may be repeated."""
        if knock in self._knocks:
            self._knocks.remove(knock)
            self._gate.leave(knock.host)

    def count(self, fault: Fault) -> None:
        """A connection that is closed without a word."""
        self.faults[fault] += 1

    def pass_on(self, transport: asyncio.Transport, said: bytes) -> bool | None:
        """Give a connection to whom it is for; None when it has not said enough, False when it is for nobody."""
        greeting, rest = said[:GREETING_SIZE], said[GREETING_SIZE:]
        if len(greeting) < GREETING_SIZE:
            return None
        if greeting == CARRIAGE_GREETING:
            self._carry(transport, said)
            return True
        if self._relay is None:
            return False
        if greeting == LINK_GREETING:
            self._relay.open_link(transport, rest)
            return True
        if greeting != ANSWER_GREETING:
            return False
        if len(rest) < NONCE_SIZE:
            return None
        self._relay.answer(transport, rest[:NONCE_SIZE], rest[NONCE_SIZE:])
        return True

    def _carry(self, transport: asyncio.Transport, said: bytes) -> None:
        """The carrier reads streams, its greeting included."""
        reader = asyncio.StreamReader(limit=MAX_WAITING)
        protocol = asyncio.StreamReaderProtocol(reader, self._carrier.serve)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(said)


class Knock(asyncio.Protocol):
    """A connection that has not yet said what it is for."""

    transport: asyncio.Transport

    def __init__(self, door: Door) -> None:
        self._door, self._said = door, b""
        self._timer: asyncio.TimerHandle | None = None
        self.host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own does not inherit from it
        self.host = remote_address(transport).host
        if not self._door.enter(self):
            self.transport.abort()
            return
        tune(transport)
        self._timer = asyncio.get_running_loop().call_later(GREETING_TIMEOUT, self._end, Fault.TIMED_OUT)

    def data_received(self, data: bytes) -> None:
        """Read the greeting, and no further."""
        self._said += data
        if self.transport.is_closing():
            return
        known = self._door.pass_on(self.transport, self._said)
        if known is False:
            self._end(Fault.BAD_GREETING)
        elif known:
            self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """It went away."""
        self._leave()

    def _end(self, fault: Fault) -> None:
        self._door.count(fault)
        self._leave()
        self.transport.abort()

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._door.leave(self)
