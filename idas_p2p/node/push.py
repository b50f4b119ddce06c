"""Sending a study to another institution: an offer that its people accept or refuse.

Law: the receiver's level is what this node's rules give it, the offer holds what a hit would hold, and nothing is sent
before the receiver fetches it under the same rules. An offer survives restarts of both ends and is told until it is
over. Belongs here: the sender's side. Not here: consent (inbox.py), messages (exchange/offers.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Final

from idas_p2p.access.audit.events import Actor, Note, offer_noted, shown
from idas_p2p.access.federations import Federations
from idas_p2p.access.subjects import Requester
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.errors import BadConfiguration, IdasError, NoSuchThing, StudyNotFound
from idas_p2p.events import log_event
from idas_p2p.exchange.offers import tell
from idas_p2p.node.audited_finds import subject_of_study
from idas_p2p.node.hits import hit_for
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.links import Links
from idas_p2p.store.offers import OPEN, Offer, OfferDirection, OfferState, OfferStore
from idas_p2p.store.settings import Settings
from idas_p2p.wire.audit import Subject
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import Hit
from idas_p2p.wire.offers import MAX_NOTE, OFFER_ID_SIZE, Fate, OfferFate, StudyOffer
from idas_p2p.wire.terms import fold

TURN: Final = 20.0  # seconds between two attempts to tell what could not be told; ours
LONGEST: Final = 30 * 86_400.0  # seconds an offer may be open; ours
STATES: Final = {
    Fate.ACCEPTED: OfferState.ACCEPTED,
    Fate.REFUSED: OfferState.REFUSED,
    Fate.DONE: OfferState.DONE,
    Fate.FAILED: OfferState.FAILED,
    Fate.EXPIRED: OfferState.EXPIRED,
}


class Push:
    """Sends studies of this node.

    Args:
        offers: keeps them.
        federations: name members.
        holdings: our studies, through the rules.
        links: to members.
        settings: take the grant that goes with an offer.
        reload: puts grants in force.
        note: of the audit log.
        clock: the time.
    """

    def __init__(
        self,
        offers: OfferStore,
        federations: Federations,
        holdings: Holdings,
        links: Links,
        settings: Settings,
        *,
        reload: Callable[[], None],
        note: Note,
        clock: Clock,
    ) -> None:
        self._offers, self._federations, self._holdings, self._links = offers, federations, holdings, links
        self._settings, self._reload, self._note, self._clock = settings, reload, note, clock

    async def send(
        self, study_uid: str, to: str, *, user: str = "", note: str = "", level: str = "", lifetime: float
    ) -> Offer:
        """Offer a study to a member; the offer is kept when this returns, and told as soon as the member answers.

        Args:
            study_uid: of our own archives.
            to: the member's institution, or the beginning of its NodeId.
            user: who sends it.
            note: why.
            level: a level that the member is granted of this study for as long as the offer is open; empty: what the
                rules give it anyway.
            lifetime: seconds until the offer is over.

        Raises:
            NoSuchThing: no such member or study.
            BadConfiguration: the note is too long, the time too, or the level none.
            StudyNotFound: the rules give the member nothing of it.
            Busy: too many offers are open.
        """
        if len(note) > MAX_NOTE or not 0 < lifetime <= LONGEST:
            raise BadConfiguration(f"a note has at most {MAX_NOTE} characters, an offer is open for at most 30 days")
        if not self._holdings.holds(study_uid):
            raise NoSuchThing("no archive of this node holds this study")
        requester, now = self._member(to), self._clock.now()
        until = float(int(now + lifetime))
        if level:
            self._grant(requester, study_uid, level, until=until)
        try:
            hit = await self._hit(requester, study_uid)
            offer = self._offers.add(self._offer(requester, study_uid, hit, user=user, note=note, until=until))
        except IdasError:
            self._ungrant(study_uid, until=until)
            raise
        self._note(offer_noted(f"study offered to {offer.institution}", self._subject(offer), user=user))
        await self._tell(offer)
        return self._offers.numbered(offer.number, OfferDirection.OUT)

    def _offer(self, requester: Requester, study_uid: str, hit: Hit, *, user: str, note: str, until: float) -> Offer:
        return Offer(
            direction=OfferDirection.OUT,
            offer=random_bytes(OFFER_ID_SIZE),
            node=requester.node_id.raw,
            institution=requester.institution,
            study=hit.study,
            study_uid=study_uid,
            level=hit.ticket.level,
            ticket=hit.ticket,
            note=note,
            user_name=user,
            offered_at=self._clock.now(),
            expires=until,
        )

    def _member(self, to: str) -> Requester:
        found = [
            (federation, node)
            for federation in self._federations.places
            if federation.is_member
            for node in federation.others()
            if fold(federation.institution(node) or "") == fold(to) or (len(to) >= 8 and str(node).startswith(to))
        ]
        if len({node for _, node in found}) != 1:
            raise NoSuchThing("no member has this name; see: idas federation members" if not found else "several do")
        federation, node = found[0]
        return federation.requester(node, "")

    def _grant(self, requester: Requester, study_uid: str, level: str, *, until: float) -> None:
        """A rule for this study alone; rules before it may still say otherwise."""
        subject = f"node:{requester.institution}"
        subject = subject if requester.is_of_first else f"in:{requester.federation}:{subject}"
        grant = self._settings.add_grant(subject=subject, level=level, conditions=_only(study_uid), expires=until)
        try:
            self._reload()
        except IdasError:
            self._settings.remove_grant(grant.number)
            raise

    def _ungrant(self, study_uid: str, *, until: float) -> None:
        """Take back the grant that went with an offer, if one did."""
        ours = [one for one in self._settings.grants() if (one.conditions, one.expires) == (_only(study_uid), until)]
        for grant in ours:
            self._settings.remove_grant(grant.number)
        if ours:
            self._reload()

    async def _hit(self, requester: Requester, study_uid: str) -> Hit:
        try:
            return await hit_for(self._holdings, requester, study_uid)
        except StudyNotFound:
            raise BadConfiguration(
                "no rule gives that institution anything of this study; add --level full, or see: idas grant"
            ) from None

    async def _tell(self, offer: Offer) -> bool:
        """Bring an offer to its receiver; when that does not answer (False), a later turn will."""
        try:
            requester = self._requester(offer)
            hit = await hit_for(self._holdings, requester, offer.study_uid)  # a ticket that is fresh, by today's rules
            actor = Actor.of(requester)
            for event in shown(actor, [self._subject(offer)], level=hit.ticket.level):
                self._note(event)
            link = await self._links.control(requester.node_id)
            await tell(link.ask, partial(_message, offer, hit))
        except StudyNotFound as error:  # the rules changed: it may not be shown any more
            log_event("offer_refused", request=offer.number, reason=error.code)
            self._offers.change(offer, OfferState.REFUSED, when=OPEN, reason=error.code)
        except IdasError as error:
            self._offers.note(offer, reason=error.code, attempts=offer.attempts + 1, tried_at=self._clock.now())
            return False
        else:
            self._offers.change(offer, OfferState.OFFERED, when=[OfferState.WAITING], reason="", level=hit.ticket.level)
        return True

    def _requester(self, offer: Offer) -> Requester:
        node = NodeId(offer.node)
        for federation in self._federations.places:
            if federation.is_member and federation.institution(node) is not None:
                return federation.requester(node, "")
        raise StudyNotFound("the institution is no member any more")

    def _subject(self, offer: Offer) -> Subject:
        return subject_of_study(self._holdings, offer.study_uid)

    async def take_fate(self, receiver: Requester, fate: OfferFate) -> None:
        """Note what the receiver says of our offer; one that we have forgotten means nothing."""
        try:
            offer = self._offers.of_sender(receiver.node_id.raw, fate.offer)
        except NoSuchThing:
            return
        state = STATES[Fate(fate.fate)]
        if self._offers.change(offer, state, when=[one for one in OPEN if one is not state]):
            if state is not OfferState.ACCEPTED and state is not OfferState.DONE:
                self._ungrant(offer.study_uid, until=offer.expires)
            text = f"study offered to {offer.institution}: {state}"
            self._note(offer_noted(text, self._subject(offer), user=offer.user_name))

    async def turn(self) -> float:
        """Tell what could not be told, end what is over; seconds until the next turn."""
        now, silent = self._clock.now(), set[bytes]()
        for offer in self._offers.open(OfferDirection.OUT, OfferState.WAITING, OfferState.OFFERED):
            if offer.expires <= now:
                self._offers.change(offer, OfferState.EXPIRED, when=OPEN)
            elif offer.state is OfferState.WAITING and offer.node not in silent and not await self._tell(offer):
                silent.add(offer.node)  # one that does not answer holds up the others once a turn
        self._offers.forget(before=now - LONGEST)
        return TURN


def _only(study_uid: str) -> str:
    """The conditions of a grant of one study."""
    return json.dumps({"studies": [study_uid]})


def _message(offer: Offer, hit: Hit, number: int) -> StudyOffer:
    return StudyOffer(
        number=number,
        offer=offer.offer,
        study=hit.study,
        ticket=hit.ticket,
        note=offer.note,
        user=offer.user_name[:64],
        expires=int(offer.expires),
    )
