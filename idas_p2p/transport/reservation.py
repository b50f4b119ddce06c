"""One relay kept ready for us: asked for, prolonged, and answered when somebody comes.

Belongs here: the life of one reservation. Not here: which relays, how many (node/relays.py).
Source: docs/spec/relay.md section 4.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.relaying import is_voucher
from idas_p2p.errors import Busy, ChannelClosed, IdasError, PeerUnreachable
from idas_p2p.events import log_event
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.relay_link import LINK_TIMEOUT, RelayLink, open_link
from idas_p2p.transport.relayed import RELAY_PATH, answer
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.federation import Membership
from idas_p2p.wire.relay import (
    DialBack,
    Dialling,
    Incoming,
    Move,
    Ping,
    Pong,
    Refused,
    RelayMessage,
    RelayOffer,
    RelayRefusal,
    Reserve,
    ReserveAsMember,
    Reserved,
)

PING_INTERVAL: Final = 25.0  # seconds; ours: keeps a NAT's entry
PING_TIMEOUT: Final = 5.0  # seconds the relay may take for anything; ours: then another is used
DOUBT_TIMEOUT: Final = 2.0  # seconds, when there is reason to think that it cannot be reached any more; ours
MEASURED: Final = 8  # requests whose shortest round trip counts: the others found somebody busy; ours
MAX_ANSWERS: Final = 32  # connections being opened for dialers of one relay at once; ours: a relay cannot flood us
ANSWER_TIMEOUT: Final = 4.0  # seconds for one; ours

_NOT_BY_THIS: Final = (RelayRefusal.NOT_A_MEMBER, RelayRefusal.MEMBERSHIP_ENDED)  # but perhaps by another membership
Take = Callable[[Connection, str], None]


class Reservation:
    """A reservation at one relay.

    Args:
        identity: ours.
        relay: where it is.
        take: serves a connection, given the kind of its path.
        on_changed: told when `offer` has changed.
        on_leaving: told where the relay is that asks us to move.
        memberships: what shows that we belong to federations; told to a relay that asks for it, one after the other.
        way: how connections leave this machine.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        relay: Contact,
        *,
        take: Take,
        on_changed: Callable[[], None],
        on_leaving: Callable[[Address], object] = lambda _: None,
        memberships: Callable[[], Sequence[Membership]] = lambda: (),
        way: Way = DIRECT,
        clock: Clock,
    ) -> None:
        self._identity, self.relay, self._take, self._on_changed = identity, relay, take, on_changed
        self._memberships, self._way, self._clock, self._on_leaving = memberships, way, clock, on_leaving
        self._shown: Membership | None = None  # to this relay, when it wanted to see one
        self._answers = TaskOwner(limit=MAX_ANSWERS)
        self._given_at = 0.0  # Unix seconds; of the offer
        self.offer: RelayOffer | None = None
        self.observed: Address | None = None  # where the relay sees this node's connections come from
        self._round_trips: deque[float] = deque(maxlen=MEASURED)  # seconds, of the last requests
        self._waiting: asyncio.Timeout | None = None  # for a message
        self._link: RelayLink | None = None  # while we wait at the relay
        self._dialling: asyncio.Future[Dialling] | None = None  # the answer to a request to dial us back
        self._asking = asyncio.Lock()  # one such request at a time
        self._is_in_doubt = False
        self.refusal = ""  # the last one's name

    @property
    def round_trip(self) -> float | None:
        """Seconds to the relay and back; None before it answered."""
        return min(self._round_trips, default=None)

    def check(self, hosts: Collection[str]) -> None:
        """See at once whether the relay can still be reached: our network has changed, and has these addresses."""
        if self._link is not None and self._link.local_host not in hosts:
            self._link.abort()
        else:
            self.doubt()

    def doubt(self) -> None:
        """See at once whether the relay can still be reached."""
        self._is_in_doubt = True
        if self._waiting is not None and not self._waiting.expired():
            with suppress(RuntimeError):  # over, and the next wait begins with the doubt
                self._waiting.reschedule(asyncio.get_running_loop().time())

    async def dial_back(self, port: int, nonce: bytes) -> Address | None:
        """Ask the relay to dial us, as a contact of the directory is asked; returns where it does, or None."""
        async with self._asking:
            if self._link is None:
                return None
            self._dialling = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(PING_TIMEOUT):
                    self._link.send(DialBack(port=port, nonce=nonce))
                    answer = await self._dialling
            except (TimeoutError, ChannelClosed):
                return None
            finally:
                self._dialling = None
            return answer.at if answer.accepted else None

    async def hold(self) -> None:
        """Keep the reservation until the relay ends it, asks us to move, or is silent.

        Raises:
            PeerUnreachable, HandshakeFailed, ChannelClosed, WireError, BadSignature: it cannot be had, or is over.
        """
        try:
            await self._hold()
        except PeerUnreachable:
            if self.refusal != RelayRefusal.MEMBERS_ONLY or not self._memberships():
                raise
            await self._hold_as_member()

    async def _hold_as_member(self) -> None:
        """The relay serves members of some federations: of which of ours it does is found out by trying."""
        *others, last = self._memberships()
        for shown in others:
            self._shown = shown
            with suppress(PeerUnreachable):
                await self._hold()
            if self.refusal not in _NOT_BY_THIS:
                raise PeerUnreachable(f"relay {self.relay.node_id.short}: {self.refusal or 'silent'}")
        self._shown = last
        try:
            await self._hold()
        finally:
            if self.refusal in _NOT_BY_THIS:
                self._shown = None

    async def _hold(self) -> None:
        link: RelayLink | None = None
        self._round_trips.clear()
        self._is_in_doubt = False
        try:
            async with asyncio.timeout(LINK_TIMEOUT):
                link = await open_link(self._identity, self.relay.node_id, self.relay.address, way=self._way)
                await self._ask(link, self._request())
            self._link = link
            await self._serve(link)
        except TimeoutError:
            raise PeerUnreachable(f"relay {self.relay}: silent") from None
        finally:
            self._set(None)
            self._link = None
            if link is not None:
                link.abort()
            await self._answers.stop()

    async def _serve(self, link: RelayLink) -> None:
        """Wait for dialers; ask now and then, so that silence is noticed and the voucher stays good."""
        while True:
            try:
                async with asyncio.timeout(0.0 if self._is_in_doubt else PING_INTERVAL) as self._waiting:
                    message = await link.receive()
            except TimeoutError:
                async with asyncio.timeout(DOUBT_TIMEOUT if self._is_in_doubt else PING_TIMEOUT):
                    await self._ask(link, self._request() if self._is_ageing() or self._is_outdated() else Ping())
                self._is_in_doubt = False
            else:
                self._hear(message)

    def _request(self) -> RelayMessage:
        if self._shown is None:
            return Reserve()
        self._shown = self._newest(self._shown)
        return ReserveAsMember(membership=self._shown)

    def _is_outdated(self) -> bool:
        """Whether the relay has seen the membership of an earlier epoch than ours."""
        return self._shown is not None and self._newest(self._shown) != self._shown

    def _newest(self, shown: Membership) -> Membership:
        """What shows now that we belong to the same federation."""
        return next((one for one in self._memberships() if one.federation == shown.federation), shown)

    async def _ask(self, link: RelayLink, request: RelayMessage) -> None:
        """Send a request and hear everything until its answer has come."""
        asked = self._clock.monotonic()
        link.send(request)
        while True:
            message = await link.receive()
            self._hear(message)
            if isinstance(message, Pong | Reserved):
                self._round_trips.append(self._clock.monotonic() - asked)
                return

    def _hear(self, message: RelayMessage) -> None:
        if isinstance(message, Reserved):
            self._keep(message)
        elif isinstance(message, Incoming):
            try:
                self._answers.start("relay_answer", self._answer(message.nonce))
            except Busy:
                log_event("relay_answer_refused", peer=self.relay.node_id.short, reason=Busy.code)
        elif isinstance(message, Dialling):
            if self._dialling is not None and not self._dialling.done():
                self._dialling.set_result(message)
        elif isinstance(message, Refused):
            self.refusal = str(message.reason)
            raise PeerUnreachable(f"relay {self.relay.node_id.short}: {message.reason}")
        elif isinstance(message, Move):
            if self._link is not None:
                self._on_leaving(self._link.remote)
            raise ChannelClosed(f"relay {self.relay.node_id.short} stops")

    def _keep(self, reserved: Reserved) -> None:
        relay, expires = self.relay.node_id, reserved.expires
        if not is_voucher(reserved.signature, node=self._identity.node_id, relay=relay, expires=expires):
            raise PeerUnreachable(f"relay {relay.short}: its voucher is not signed")
        self.observed, self.refusal = reserved.observed, ""
        self._set(
            RelayOffer(address=self.relay.address, relay=relay, expires=expires, signature=reserved.signature),
        )

    def _set(self, offer: RelayOffer | None) -> None:
        if offer != self.offer:
            self._given_at = self._clock.now()
            self.offer = offer
            self._on_changed()

    def _is_ageing(self) -> bool:
        """Whether half of the voucher's time is over."""
        return self.offer is not None and self._clock.now() >= (self._given_at + self.offer.expires) / 2

    async def _answer(self, nonce: bytes) -> None:
        try:
            connection = await answer(self.relay.address, nonce, timeout=ANSWER_TIMEOUT, way=self._way)
        except IdasError as error:
            log_event("relay_not_answered", peer=self.relay.node_id.short, reason=error.code)
            return
        self._take(connection, RELAY_PATH)
