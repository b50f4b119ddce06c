"""The relay: nodes that nobody can reach wait here, and others are connected with them.

It sees NodeIds, addresses and sealed bytes. It stores nothing, and logs byte counts by NodeId.
Belongs here: which part is told of what, turns and the end. Not here: decisions (reservations.py, traffic.py), bytes
(relay_link.py, splice.py). Source: docs/spec/relay.md.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from bootstrap.relay_link import Fault, RelayLink
from bootstrap.relay_settings import RelaySettings
from bootstrap.reservations import Reservations
from bootstrap.splice import Splice
from bootstrap.traffic import TICK, Session, Traffic
from idas_p2p.clock import Clock
from idas_p2p.crypto.handshake import Refusal
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.events import log_event
from idas_p2p.transport.gate import Gate
from idas_p2p.transport.sockets import remote_address
from idas_p2p.wire.address import Address
from idas_p2p.wire.federation import Membership
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import (
    Connect,
    Connected,
    DialBack,
    Dialling,
    Incoming,
    Move,
    Ping,
    Pong,
    RelayMessage,
    RelayRefusal,
    Reserve,
    ReserveAsMember,
    Reserved,
)

FIRST_REQUEST: Final = 10.0  # seconds from the greeting to a request; ours: handshakes and idlers are held no longer
MAX_HALF_OPEN: Final = 1_024  # links that have not yet asked for anything; ours
MAX_HALF_OPEN_PER_HOST: Final = 256  # of them from one IPv4 address or IPv6 /64; ours: as many as may wait from a site
IDLE_LINK: Final = 90.0  # seconds without a message from a node that waits; ours, it pings every 25
IDLE_SPLICE: Final = 300.0  # seconds without a byte in either direction; ours, control links ping every 20
SWEEP: Final = 1.0  # seconds between looks for what is late; ours


class Relay:
    """Everything about one relay but the port it listens on.

    Args:
        identity: the relay's.
        settings: bounds.
        policy: tells sites apart.
        relays: NodeIds of other relays.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        settings: RelaySettings,
        *,
        policy: AddressPolicy,
        relays: frozenset[NodeId],
        clock: Clock,
    ) -> None:
        self._identity, self._settings, self._policy, self._clock = identity, settings, policy, clock
        self.reservations: Reservations[RelayLink] = Reservations(
            identity, settings, relays=relays, random_bytes=random_bytes
        )
        self.traffic = Traffic(settings)
        self.faults: Counter[Fault] = Counter()
        self.carried = 0  # bytes of streams that have ended
        self.on_dial_back: Callable[[NodeId, Address, bytes], bool] = lambda node, at, nonce: False
        """Dials a node that waits here, at the address its link comes from, with its nonce; False: not now."""
        self._links: set[RelayLink] = set()
        self._half_open: dict[RelayLink, str] = {}  # where they come from
        self._gate = Gate(
            max_half_open=MAX_HALF_OPEN, max_half_open_per_host=MAX_HALF_OPEN_PER_HOST, max_channels=MAX_HALF_OPEN
        )
        self._splices: dict[Session, Splice] = {}
        self._empty = asyncio.Event()
        self._swept_at = clock.monotonic()

    def __len__(self) -> int:
        """Links, answered dialers not counted."""
        return len(self._links)

    def open_link(self, transport: asyncio.Transport, early: bytes) -> None:
        """A connection that was greeted as a link."""
        host = remote_address(transport).host
        if refusal := self._gate.enter(host):
            many = refusal is Refusal.TOO_MANY_FROM_HOST
            self.faults[Fault.TOO_MANY_FROM_HOST if many else Fault.TOO_MANY_HALF_OPEN] += 1
            transport.abort()
            return
        link = RelayLink(self._identity, self, clock=self._clock.monotonic)
        self._links.add(link)
        self._half_open[link] = host
        link.begin(transport, early)

    def answer(self, transport: asyncio.Transport, nonce: bytes, early: bytes) -> None:
        """A connection by which a node answers a dialer."""
        pending = self.reservations.answer(nonce)
        if pending is None:
            self.faults[Fault.BAD_NONCE] += 1
            transport.abort()
            return
        session = self.traffic.begin(
            target=pending.target,
            dialer=pending.dialer_id,
            blocks=(pending.target_block, pending.dialer_block),
            now=self._clock.now(),
        )
        if isinstance(session, RelayRefusal):
            self.reservations.refusals[session] += 1
            pending.dialer.refuse(session)
            transport.abort()
            return
        self._splice(pending.dialer, transport, session, early)

    def _splice(self, dialer: RelayLink, transport: asyncio.Transport, session: Session, early: bytes) -> None:
        dialer.send(Connected())
        self._links.discard(dialer)
        self._empty.clear()
        splice = Splice(session, on_ended=self._ended, clock=self._clock.monotonic)
        self._splices[session] = splice
        dialer.transport.resume_reading()
        splice.join(dialer.transport, transport, early=(dialer.release(), early))

    def _ended(self, splice: Splice) -> None:
        session = splice.session
        self.traffic.end(session)
        self.carried += session.carried
        del self._splices[session]
        log_event("relayed", peer=session.target.short, bytes=session.carried)
        if not self._splices:
            self._empty.set()

    # What a link tells.

    def on_message(self, link: RelayLink, message: RelayMessage) -> None:
        """Do what a node asks."""
        if isinstance(message, Reserve):
            self._reserve(link, None)
        elif isinstance(message, ReserveAsMember):
            self._reserve(link, message.membership)
        elif isinstance(message, Ping):
            link.send(Pong())
        elif isinstance(message, DialBack) and link.is_reserved:
            at = Address(remote_address(link.transport).host, message.port)
            link.send(Dialling(at=at, accepted=self.on_dial_back(_node(link), at, message.nonce)))
        elif isinstance(message, Connect) and not link.is_reserved:
            self._connect(link, message)
        else:
            self.reservations.refusals[RelayRefusal.MALFORMED] += 1
            link.refuse(RelayRefusal.MALFORMED)

    def _reserve(self, link: RelayLink, shown: Membership | None) -> None:
        node, observed = _node(link), remote_address(link.transport)
        granted = self.reservations.reserve(
            node, link, self._block(link), shown=shown, monotonic=self._clock.monotonic(), now=self._clock.now()
        )
        if isinstance(granted, RelayRefusal):
            link.refuse(granted)
            return
        expires, signature = granted
        untold = [] if link.is_reserved else self.reservations.awaiting(node)
        link.is_reserved = True
        self._settle(link)
        link.send(Reserved(expires=expires, signature=signature, observed=observed))
        for nonce in untold:
            link.send(Incoming(nonce=nonce))

    def _connect(self, link: RelayLink, request: Connect) -> None:
        granted = self.reservations.connect(
            request, _node(link), link, self._block(link), monotonic=self._clock.monotonic(), now=self._clock.now()
        )
        if isinstance(granted, RelayRefusal):
            link.refuse(granted)
            return
        target, nonce = granted
        link.is_pending = True
        self._settle(link)
        link.transport.pause_reading()
        target.send(Incoming(nonce=nonce))

    def _settle(self, link: RelayLink) -> None:
        """Count it out of those that have asked for nothing yet; may be repeated."""
        if host := self._half_open.pop(link, None):
            self._gate.leave(host)

    def _block(self, link: RelayLink) -> str:
        remote = remote_address(link.transport)
        return self._policy.share((remote.host, remote.port))[0]

    def on_fault(self, link: RelayLink, fault: Fault) -> None:
        """Close a link whose other end breaks the rules."""
        self.faults[fault] += 1
        link.transport.abort()

    def on_lost(self, link: RelayLink) -> None:
        """Forget a link."""
        self._links.discard(link)
        self._settle(link)
        if link.node is not None:
            self.reservations.leave(link.node, link)
        if link.is_pending:
            self.reservations.forget(link)

    # Turns, new settings and the end.

    def configure(self, settings: RelaySettings) -> None:
        """Go on by other settings: nodes that may wait here no more are let go, streams under way are not."""
        self._settings = settings
        self.traffic.configure(settings)
        self.reservations.configure(settings)
        self._let_go()

    def _let_go(self) -> None:
        for link, refusal in self.reservations.leaving(monotonic=self._clock.monotonic()):
            link.refuse(refusal)

    async def run(self) -> None:
        """For ever: allot what may be sent, and end what is late."""
        while True:
            await asyncio.sleep(TICK)
            self.turn(seconds=TICK)

    def turn(self, *, seconds: float) -> None:
        """One turn, for the next `seconds`."""
        for session in self.traffic.turn(seconds=seconds, now=self._clock.now()):
            self.reservations.refusals[RelayRefusal.OVER_BUDGET] += 1
            self._splices[session].abort()
        for splice in list(self._splices.values()):
            splice.steer()
        now = self._clock.monotonic()
        if now - self._swept_at >= SWEEP:
            self._swept_at = now
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        self._let_go()
        for dialer in self.reservations.expire(monotonic=now):
            dialer.refuse(RelayRefusal.TARGET_SILENT)
        for link in list(self._links):
            if link.is_reserved and now - link.heard_at > IDLE_LINK:
                self.on_fault(link, Fault.SILENT)
            elif not link.is_reserved and not link.is_pending and now - link.made_at > FIRST_REQUEST:
                self.on_fault(link, Fault.TIMED_OUT)
        for splice in list(self._splices.values()):
            if now - splice.moved_at > IDLE_SPLICE:
                self.faults[Fault.SILENT] += 1
                splice.abort()

    async def drain(self) -> None:
        """Ask the nodes to move, let streams end for as long as the operator allows, then end everything."""
        self.reservations.is_draining = True
        for link in self.reservations.links():
            link.send(Move())
        if self._splices:
            try:
                async with asyncio.timeout(self._settings.drain_seconds):
                    await self._empty.wait()
            except TimeoutError:
                log_event("relay_streams_cut", count=len(self._splices))
        for splice in list(self._splices.values()):
            splice.abort()
        for link in list(self._links):
            link.transport.close()


def _node(link: RelayLink) -> NodeId:
    assert link.node is not None  # only then are messages taken
    return link.node
