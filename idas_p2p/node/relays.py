"""Where this node waits to be reached through others: a reservation at each of the nearest relays.

Every bootstrap node is asked, whether or not we can be reached directly: a relay costs nothing while it is idle, and is
there when a network changes. Belongs here: at which relays, and when to try again. Not here: the life of one
reservation (transport/reservation.py), what is published (node_record.py). Source: docs/spec/relay.md section 4.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.events import log_event
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.reservation import Reservation, Take
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.federation import Membership
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import MAX_OFFERS, RelayOffer

MAX_CANDIDATES: Final = 16  # bootstrap nodes that are asked; ours
LOOK_INTERVAL: Final = 0.25  # seconds between looks; ours: a relay that dies is replaced in this time
DOUBT_INTERVAL: Final = 2.0  # seconds between two times that relays are asked because a dialer was lost; ours
FIRST_RETRY: Final = 2.0  # seconds until a relay is asked again; doubled each time it was of no use; ours
LAST_RETRY: Final = 300.0  # seconds; the most
RECONSIDER: Final = (
    3_600.0  # seconds until the round trip to a relay that was farther than others is measured again; ours
)


@dataclass(slots=True)
class _Place:
    """One relay that might be used."""

    reservation: Reservation
    task: asyncio.Task[None] | None = None
    due: float = -math.inf  # monotonic seconds; when to ask next
    retry: float = FIRST_RETRY
    is_held: bool = False
    is_hurried: bool = False  # our network has changed: once the link is found dead another is opened at once
    is_spare: bool = False  # let go because others were nearer; needed at once when one of those is gone


class Relays:
    """The reservations of a node.

    Args:
        identity: ours.
        candidates: bootstrap nodes, of which those that do not relay refuse.
        take: serves a connection of a dialer.
        memberships: what shows that we belong to federations, for relays that serve members alone.
        way: how connections leave this machine.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        candidates: Callable[[], Sequence[Contact]],
        *,
        take: Take,
        memberships: Callable[[], Sequence[Membership]] = lambda: (),
        way: Way = DIRECT,
        clock: Clock,
    ) -> None:
        self._identity, self._candidates, self._take, self._clock = identity, candidates, take, clock
        self._memberships, self._way = memberships, way
        self._tasks = TaskOwner(limit=MAX_CANDIDATES)
        self._places: dict[NodeId, _Place] = {}
        self._doubted_at = -math.inf  # monotonic seconds
        self.on_leaving: list[Callable[[Collection[Address]], object]] = []
        """Told every address of a relay that stops: what goes through it should go elsewhere."""

    def offers(self) -> tuple[RelayOffer, ...]:
        """What to publish: the relays at which we wait, the nearest first."""
        offers = [place.reservation.offer for place in self._held()]
        return tuple(offer for offer in offers if offer is not None)[:MAX_OFFERS]

    def observed(self) -> Address | None:
        """Where the nearest relay sees our connections come from."""
        return next((place.reservation.observed for place in self._held()), None)

    def helpers(self) -> list[Reservation]:
        """Relays that can be asked to dial us back: they see where we are, which who carries our datagrams does not."""
        return [place.reservation for place in self._held()[:MAX_OFFERS]]

    def check(self, hosts: Collection[str]) -> None:
        """See at once which relays can still be reached, and how far each is: our network has changed.

        Args:
            hosts: IP addresses of this machine now.
        """
        for place in self._places.values():
            place.is_hurried, place.retry = place.task is not None, FIRST_RETRY
            place.reservation.check(hosts)
            if place.task is None:
                place.due = -math.inf

    def doubt(self) -> None:
        """See at once whether our relays still reach us: a dialer was lost, as it is when our router has changed."""
        now = self._clock.monotonic()
        if now - self._doubted_at >= DOUBT_INTERVAL:
            self._doubted_at = now
            for place in self._held():
                place.is_hurried = True
                place.reservation.doubt()

    async def turn(self) -> float:
        """Ask where it is due, let go of what is farther than needed; return seconds until the next turn."""
        now = self._clock.monotonic()
        for contact in list(self._candidates())[:MAX_CANDIDATES]:
            if contact.node_id != self._identity.node_id and contact.node_id not in self._places:
                self._places[contact.node_id] = _Place(self._reservation(contact))
        for place in self._places.values():
            self._settle(place, now)
        for place in self._held()[MAX_OFFERS:]:
            place.is_spare = True
            if place.task is not None:
                place.task.cancel()
        has_enough = len(self._held()) >= MAX_OFFERS
        for place in self._places.values():
            if place.task is None and (now >= place.due or (place.is_spare and not has_enough)):
                place.is_spare = False
                place.task = self._tasks.start("relay", place.reservation.hold())
        return LOOK_INTERVAL

    def _reservation(self, contact: Contact) -> Reservation:
        return Reservation(
            self._identity,
            contact,
            take=self._take,
            on_changed=lambda: None,
            on_leaving=lambda at: self._leaving(contact, at),
            memberships=self._memberships,
            way=self._way,
            clock=self._clock,
        )

    def _leaving(self, relay: Contact, at: Address) -> None:
        known = {one.address for one in self._candidates() if one.node_id == relay.node_id}
        for call in self.on_leaving:
            call(known | {at})

    def _other(self, contact: Contact) -> Contact:
        """The same relay at its next address, for we may have no way to this one: IPv6 where all we have is IPv4."""
        same = [other for other in self._candidates() if other.node_id == contact.node_id]
        return same[(same.index(contact) + 1) % len(same)] if contact in same else contact

    def _settle(self, place: _Place, now: float) -> None:
        """See how a reservation goes: what ended is asked for again, later each time it brought nothing."""
        if place.reservation.offer is not None and not place.is_held:
            place.is_held, place.retry = True, FIRST_RETRY
            log_event("relay_reserved", peer=place.reservation.relay.node_id.short)
        if place.task is not None and place.task.done():
            if not place.is_held and not place.is_spare:
                place.reservation = self._reservation(self._other(place.reservation.relay))
            place.task, place.is_held = None, False
            if place.is_hurried:
                place.is_hurried, place.due = False, now
                return
            place.due = now + (RECONSIDER if place.is_spare else place.retry)
            place.retry = min(2 * place.retry, LAST_RETRY)

    def _held(self) -> list[_Place]:
        """Those that have an offer, the nearest first."""
        held = [place for place in self._places.values() if place.reservation.offer is not None]
        return sorted(held, key=lambda place: place.reservation.round_trip or 0.0)

    async def stop(self) -> None:
        """Leave every relay."""
        await self._tasks.stop()
