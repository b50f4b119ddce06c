"""One query over the whole federation: our own archives first, then whoever the directory names.

Belongs here: whom to ask, merging by Study Instance UID, remembering offers. Not here: asking (asking.py).
The directory answers who; the holder answers what.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from idas_p2p.access.blinding import Blinder
from idas_p2p.access.federations import Belonging
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.dicom.levels.answers import asks_by_pseudonym
from idas_p2p.dicom.matching import matches
from idas_p2p.directory.service import Directory
from idas_p2p.errors import BadSignature, IdasError
from idas_p2p.events import log_event
from idas_p2p.exchange.find import Asked, RemoteHit
from idas_p2p.limits import MAX_HITS
from idas_p2p.node.asking import ask_members
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.links import Links
from idas_p2p.wire.federation import Claim
from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import Hit
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.records import Record
from idas_p2p.wire.study import Study
from idas_p2p.wire.terms import Term, query_terms

LOOKUP_TIMEOUT: Final = 5.0  # seconds for all directory lookups of one query; ours
MAX_LOOKUPS_AT_ONCE: Final = 16  # of one query; ours
MAX_NOTED: Final = 20_000  # own studies of one query that are noted one by one; ours: 5 MB
MAX_REMEMBERED: Final = 100_000  # studies whose offers are kept; ours: about 50 MB


@dataclass(frozen=True, slots=True)
class Found:
    """A study and who holds it; None for this node itself."""

    study: Study
    holder: NodeId | None
    is_first: bool  # whether no other holder of the same study was yielded before


@dataclass(slots=True)
class Search:
    """One query under way: what came of it so far."""

    user: str
    query: StudyQuery
    with_own: bool = True  # whether our own archives are searched
    asked: Asked = field(default_factory=Asked)
    holders: dict[str, list[NodeId | None]] = field(default_factory=dict)  # by Study Instance UID
    own: int = 0  # studies of our own archives

    def add(self, study: Study, holder: NodeId | None) -> Found:
        """Note one more copy."""
        known = self.holders.setdefault(study.study_uid, [])
        known.append(holder)
        return Found(study, holder, is_first=len(known) == 1)

    def add_own(self, study: Study) -> Found:
        """Note one of our own; beyond MAX_NOTED they are only counted, for a million must not cost memory."""
        self.own += 1
        return self.add(study, None) if self.own <= MAX_NOTED else Found(study, None, is_first=True)


@dataclass(frozen=True, slots=True)
class Offer:
    """A holder's copy of a study, and the ticket to fetch it."""

    holder: NodeId
    ticket: Ticket
    instance_count: int


class Offers:
    """Offers that came with hits, by user and study, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._by_study: OrderedDict[tuple[str, str], dict[NodeId, Offer]] = OrderedDict()

    def remember(self, user: str, study_uid: str, offer: Offer) -> None:
        """Keep an offer for a later retrieval."""
        key = (user, study_uid)
        self._by_study.setdefault(key, {})[offer.holder] = offer
        self._by_study.move_to_end(key)
        while len(self._by_study) > MAX_REMEMBERED:
            self._by_study.popitem(last=False)

    def valid(self, user: str, study_uid: str, *, now: float) -> list[Offer]:
        """Offers whose tickets have at least a minute left, the fullest copy first."""
        offers = self._by_study.get((user, study_uid), {}).values()
        return sorted(
            (offer for offer in offers if offer.ticket.expires > now + 60), key=lambda offer: -offer.instance_count
        )

    def forget(self, user: str, study_uid: str, holder: NodeId) -> None:
        """Drop one holder's offer of a study, because it refused its own ticket."""
        self._by_study.get((user, study_uid), {}).pop(holder, None)


class Finder:
    """Answers queries of this node's own users.

    Args:
        identity: ours.
        federation: tells members and blinders.
        directory: tells holders.
        links: to members.
        holdings: our own archives.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        federation: Belonging,
        directory: Directory,
        links: Links,
        holdings: Holdings,
        *,
        clock: Clock,
    ) -> None:
        self._identity, self._federation, self._directory = identity, federation, directory
        self._links, self._holdings, self._clock = links, holdings, clock
        self.offers = Offers()
        self.on_found: Callable[[NodeId], object] = lambda _: None  # told of members that offer a study

    async def find(self, search: Search) -> AsyncGenerator[Found, None]:
        """Yield every copy found, our own first, then in order of arrival.

        Raises:
            TooManyMatches: a holder has more than it told.
            PeerUnreachable: nothing was found and some holder did not answer: "nothing there" would be a guess.
        """
        if search.with_own:
            async with aclosing(self._holdings.own_studies(search.user, search.query)) as own:
                async for study in own:
                    yield search.add_own(study)
        members = await self.whom_to_ask(search.query)
        hits = ask_members(
            self._links,
            members,
            lambda link: link.find(search.query, user=search.user, limit=MAX_HITS),
            asked=search.asked,
            is_empty=lambda: not search.holders,
        )
        async with aclosing(hits):
            async for remote in hits:
                if (found := self._take(search, remote)) is not None:
                    yield found

    async def offers_of(self, user: str, study_uid: str) -> list[Offer]:
        """Who offers a study to this user, the fullest copy first; asks anew when no offer is remembered."""
        known = self._of_members(user, study_uid)
        if not known:
            search = Search(user=user, query=StudyQuery.of({"StudyInstanceUID": study_uid}))
            async with aclosing(self.find(search)) as found:
                async for _ in found:
                    pass
            known = self._of_members(user, study_uid)
        return known

    def _of_members(self, user: str, study_uid: str) -> list[Offer]:
        members = set(self._federation.others())
        offers = self.offers.valid(user, study_uid, now=self._clock.now())
        return [offer for offer in offers if offer.holder in members]

    def _take(self, search: Search, remote: RemoteHit[Hit]) -> Found | None:
        study = remote.hit.study
        if search.own > MAX_NOTED and study.study_uid not in search.holders and self._was_own(search, study.study_uid):
            search.holders[study.study_uid] = [None]
        if not matches(search.query, study) or remote.holder in search.holders.get(study.study_uid, ()):
            return None
        self.offers.remember(
            search.user, study.study_uid, Offer(remote.holder, remote.hit.ticket, study.instance_count)
        )
        self.on_found(remote.holder)
        return search.add(study, remote.holder)

    def _was_own(self, search: Search, study_uid: str) -> bool:
        """Whether a study was found in our own archives, where that was not noted."""
        if self._holdings.own_level(search.user, study_uid).is_none:
            return False
        return any(matches(search.query, entry.study) for entry in self._holdings.best_entries(study_uid))

    async def whom_to_ask(self, query: StudyQuery) -> list[NodeId]:
        """The members that the directory names; all members where it cannot tell."""
        others = self._federation.others()
        terms = query_terms(query)
        if not others or terms is None or not self._directory.contacts():
            return others
        named = await self._claimants(terms)
        if not named and asks_by_pseudonym(query):  # the directory knows studies by their own names only
            return others
        return others if named is None else [node for node in others if node in named]

    async def _claimants(self, terms: list[Term]) -> set[NodeId] | None:
        """Who claims to hold something under one of the terms; None when not every lookup came to an end."""
        named, failures, now = set[NodeId](), list[str](), self._clock.now()
        places = asyncio.Semaphore(MAX_LOOKUPS_AT_ONCE)

        async def look_up(blinder: Blinder, place: SigningKey) -> None:
            try:
                async with places:
                    records = await self._directory.get(place.node_id.kademlia_id)
            except IdasError as error:
                failures.append(error.code)
            else:
                named.update(claim.holder for claim in map(partial(_claim, blinder), records) if claim)

        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT), asyncio.TaskGroup() as group:
                for blinder in self._federation.blinders(now=now):
                    for place in (place for term in terms for place in blinder.places_to_read(term, now=now)):
                        group.create_task(look_up(blinder, place))
        except TimeoutError:
            failures.append("timeout")
        if failures:
            log_event("lookup_failed", reason=failures[0], count=len(failures))
            return None
        return named


def _claim(blinder: Blinder, record: Record) -> Claim | None:
    """What a record claims; None when nobody is to believe it, or it was withdrawn."""
    try:
        claim = blinder.read_claim(record)
    except BadSignature:
        return None
    return None if claim.withdrawn else claim
