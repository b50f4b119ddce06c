"""Studies that other institutions send here: nothing is fetched before somebody of this house has accepted it.

Law: an offer of a member is kept, shown to the operator and bounded (store/offers.py); accepted, it is fetched by the
same way and rules as a study that was searched for; its sender learns its fate. All of it survives restarts.
Belongs here: the receiver's side. Not here: keeping the images (foreign.py), sending (push.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from idas_p2p.access.audit.events import Actor, Note, offer_noted, shown, subject_of
from idas_p2p.access.subjects import Requester
from idas_p2p.clock import Clock
from idas_p2p.dicom.retrieve import DeliveryReport
from idas_p2p.errors import AccessDenied, IdasError, NoSuchThing, StudyNotFound
from idas_p2p.events import log_event
from idas_p2p.exchange.offers import tell
from idas_p2p.node.links import Links
from idas_p2p.node.push import LONGEST, Push
from idas_p2p.store.offers import OPEN, Offer, OfferDirection, OfferState, OfferStore
from idas_p2p.wire.audit import Side
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.offers import Fate, OfferFate, StudyOffer

TURN: Final = 2.0  # seconds between two looks at what was accepted; ours
RETRY: Final = 60.0  # seconds until something that failed is tried again, doubled each time; ours
LONGEST_RETRY: Final = 3_600.0  # seconds; ours
ATTEMPTS: Final = 5  # at a study of which only a part comes; ours: the part stays
PARTIAL: Final = "partial"
TOLD_FOR: Final = 7 * 86_400.0  # seconds after its end in which a sender is told the fate of its offer; ours
FATES: Final = {
    OfferState.ACCEPTED: Fate.ACCEPTED,
    OfferState.REFUSED: Fate.REFUSED,
    OfferState.DONE: Fate.DONE,
    OfferState.FAILED: Fate.FAILED,
    OfferState.EXPIRED: Fate.EXPIRED,
}

Bring = Callable[[Offer], Awaitable[DeliveryReport]]
"""Fetches an accepted study to where it was asked for."""


class Inbox:
    """What was sent to this node.

    Args:
        offers: keeps it.
        push: learns what others say of our offers.
        links: to senders.
        bring: fetches.
        note: of the audit log.
        clock: the time.
    """

    def __init__(self, offers: OfferStore, push: Push, links: Links, *, bring: Bring, note: Note, clock: Clock) -> None:
        self._offers, self._push, self._links, self._bring = offers, push, links, bring
        self._note, self._clock = note, clock

    async def take_offer(self, sender: Requester, offer: StudyOffer) -> None:
        """Keep a member's offer (exchange.offers.OfferTaker).

        Raises:
            AccessDenied: it is over already.
            Busy: too many wait here.
        """
        now = self._clock.now()
        if offer.expires <= now:
            raise AccessDenied("the offer is over")
        kept = Offer(
            direction=OfferDirection.IN,
            offer=offer.offer,
            node=sender.node_id.raw,
            institution=sender.institution,
            study=offer.study,
            study_uid=offer.study.study_uid,
            level=offer.ticket.level,
            ticket=offer.ticket,
            note=offer.note,
            user_name=offer.user,
            offered_at=now,
            expires=min(float(offer.expires), now + LONGEST),
        )
        actor = Actor(side=Side.REQUESTER, user=offer.user, nodes=(sender.node_id,), institution=sender.institution)
        for event in shown(actor, [subject_of(offer.study)], level=offer.ticket.level):
            self._note(event)
        self._offers.add(kept)
        log_event("offer_taken", peer=sender.node_id.short)

    async def take_fate(self, receiver: Requester, fate: OfferFate) -> None:
        """What became of an offer of ours (exchange.offers.OfferTaker)."""
        await self._push.take_fate(receiver, fate)

    def accept(self, number: int, *, to: str, user: str) -> Offer:
        """Decide that a study shall come.

        Args:
            number: of the offer.
            to: AE title of a workstation; empty: it is kept at this node.
            user: who decides.

        Raises:
            NoSuchThing: there is no such offer, or it is decided already.
        """
        return self._decide(number, OfferState.ACCEPTED, user=user, destination=to)

    def refuse(self, number: int, *, user: str) -> Offer:
        """Decide that a study shall not come; errors as for `accept`."""
        return self._decide(number, OfferState.REFUSED, user=user)

    def _decide(self, number: int, state: OfferState, *, user: str, destination: str = "") -> Offer:
        offer = self._offers.numbered(number, OfferDirection.IN)
        self._note(offer_noted(f"offer of {offer.institution} {state}", subject_of(offer.study), user=user))
        values = {"decided_by": user, "destination": destination, "tried_at": 0.0}
        if not self._offers.change(offer, state, when=[OfferState.WAITING], **values):
            raise NoSuchThing(f"offer {number} is decided already: {offer.state}")
        return self._offers.numbered(number, OfferDirection.IN)

    async def turn(self) -> float:
        """End what is over, tell senders, fetch what was accepted; seconds until the next turn."""
        now = self._clock.now()
        for offer in self._offers.open(OfferDirection.IN, OfferState.WAITING, OfferState.ACCEPTED):
            if offer.expires <= now:
                over = OfferState.EXPIRED if offer.state is OfferState.WAITING else OfferState.FAILED
                self._offers.change(offer, over, when=OPEN)
        for offer in self._offers.untold():
            if offer.expires + TOLD_FOR <= now:
                self._offers.note(offer, told=offer.state)
            elif self._is_due(offer):
                await self._tell(offer)
        for offer in self._offers.open(OfferDirection.IN, OfferState.ACCEPTED):
            if self._is_due(offer):
                await self._fetch(offer)
        return TURN

    def _is_due(self, offer: Offer) -> bool:
        pause = min(LONGEST_RETRY, RETRY * 2.0 ** min(offer.attempts - 1, 16)) if offer.attempts else 0.0
        return offer.tried_at + pause <= self._clock.now()

    def _failed(self, offer: Offer, reason: str) -> None:
        self._offers.note(offer, reason=reason, attempts=offer.attempts + 1, tried_at=self._clock.now())

    async def _tell(self, offer: Offer) -> None:
        fate = FATES[offer.state]
        try:
            link = await self._links.control(NodeId(offer.node))
            await tell(link.ask, lambda number: OfferFate(number=number, offer=offer.offer, fate=fate))
        except IdasError as error:
            self._failed(offer, error.code)
        else:
            self._offers.note(offer, told=offer.state)

    async def _fetch(self, offer: Offer) -> None:
        accepted = [OfferState.ACCEPTED]
        try:
            report = await self._bring(offer)
        except StudyNotFound as error:  # its sender took it back
            self._offers.change(offer, OfferState.FAILED, when=accepted, reason=error.code)
        except IdasError as error:
            self._failed(offer, error.code)
        else:
            if report.failed and offer.attempts + 1 >= ATTEMPTS:  # what is broken at its source stays broken
                self._offers.change(offer, OfferState.FAILED, when=accepted, reason=PARTIAL)
            elif report.failed:
                self._failed(offer, PARTIAL)
            else:
                self._offers.change(offer, OfferState.DONE, when=accepted, reason="", attempts=0)
