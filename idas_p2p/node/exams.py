"""Exams that cross without being searched for: sent to others, sent here, fetched as priors; put together once.

Belongs here: which part is given to which, and the way an exam takes. Not here: any decision of theirs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from idas_p2p.access.audit.events import queried
from idas_p2p.dicom.deliver import deliver
from idas_p2p.dicom.retrieve import DeliveryReport
from idas_p2p.errors import IdasError, NoSuchThing, PeerUnreachable
from idas_p2p.node import find
from idas_p2p.node.audited_users import operator
from idas_p2p.node.coercing import Coercing
from idas_p2p.node.destinations import destination
from idas_p2p.node.find import Search
from idas_p2p.node.foreign import ForeignExams, seen
from idas_p2p.node.inbox import Inbox
from idas_p2p.node.prior_rules import CACHE, PriorBook, PriorRule
from idas_p2p.node.priors import Priors, throttled
from idas_p2p.node.push import Push
from idas_p2p.store.arrivals import Arrivals
from idas_p2p.store.foreign import PRIOR, SENT, ForeignStudies, ForeignStudy
from idas_p2p.store.offers import Offer, OfferStore
from idas_p2p.wire.fetching import Priority
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

if TYPE_CHECKING:
    from idas_p2p.node.node import Node

KEEP_SENT: Final = 90 * 86_400.0  # seconds an accepted study stays here; ours
ASK_LIMIT: Final = 10  # studies one UID may mean to a source; ours


class Exams:
    """These parts of one node.

    Args:
        node: whose parts they use.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.offers = OfferStore(node.database)
        self.coercing = Coercing(node.settings, system=node.config.institution)
        self.foreign = ForeignExams(
            ForeignStudies(node.database),
            node.objects,
            node.embedded,
            node.catalog,
            coercing=self.coercing,
            bridge=node.bridge,
            clock=node.clock,
        )
        self.push = Push(
            self.offers,
            node.federations,
            node.holdings,
            node.links,
            node.settings,
            reload=node.configure,
            note=node.audit.note,
            clock=node.clock,
        )
        self.inbox = Inbox(
            self.offers, self.push, node.links, bring=self._bring_offer, note=node.audit.note, clock=node.clock
        )
        self.priors = Priors(
            PriorBook(node.settings),
            Arrivals(node.database),
            node.catalog,
            is_here=self.foreign.is_here,
            find=self._find,
            bring=self._bring_prior,
            clock=node.clock,
        )

    def turns(self) -> Iterator[tuple[str, Callable[[], Awaitable[float]]]]:
        """The work that goes on for ever, by name."""

        def is_member(node: NodeId) -> bool:
            return self._node.federations.institution(node) is not None

        yield "offers", self.push.turn
        yield "inbox", self.inbox.turn
        yield "priors", self.priors.turn
        yield "foreign", partial(self.foreign.turn, self._ask, self._renew, is_member)

    async def _bring_offer(self, offer: Offer) -> DeliveryReport:
        """Fetch an accepted study to a workstation, or keep it here."""
        self._remember(
            offer.study, NodeId(offer.node), find.Offer(NodeId(offer.node), offer.ticket, offer.study.instance_count)
        )
        if offer.destination:
            node = self._node
            to = destination(node.settings, offer.destination, calling_aet=node.config.aet, tls=node.tls.client)
            events = self._retrieve(offer.study_uid, to=offer.destination)
            return await deliver(self._node.bridge, to, events, on_progress=_ignore)
        if self.foreign.is_ours(offer.study_uid):
            return DeliveryReport()
        return await self._keep(self._exam(offer.study, NodeId(offer.node), SENT, KEEP_SENT))

    async def _bring_prior(self, prior: Study, holder: NodeId, rule: PriorRule) -> None:
        exam = self._exam(prior, holder, PRIOR, rule.keep_days * 86_400.0)
        if rule.to == CACHE:
            report = await self._keep(exam, mbit=rule.mbit)
        else:
            archive = self._node.sources.remote(rule.to)
            events = throttled(self._retrieve(prior.study_uid, to=rule.to), mbit=rule.mbit)
            report = await deliver(self._node.bridge, archive, self._coerced(exam, events), on_progress=_ignore)
            if not report.failed:
                self.foreign.pushed(replace(exam, destination=rule.to))
        if report.failed:
            await self.foreign.let_go(prior.study_uid, reason="partial")
            raise PeerUnreachable(f"{report.failed} images of a prior did not come")

    async def _renew(self, exam: ForeignStudy) -> None:
        await self._keep(exam)

    async def _keep(self, exam: ForeignStudy, *, mbit: float = 0.0) -> DeliveryReport:
        if self.foreign.is_kept(exam.study_uid):  # an earlier attempt; what arrived is in the spool
            await self.foreign.let_go(exam.study_uid, reason="again")
        events = self._retrieve(exam.study_uid, to="kept at this node")
        try:
            return await self.foreign.keep(exam, throttled(events, mbit=mbit))
        except IdasError:
            await self.foreign.let_go(exam.study_uid, reason="failed")
            raise

    def _retrieve(self, study_uid: str, *, to: str) -> AsyncIterator[RetrieveEvent]:
        selections = [Selection(study_uid=study_uid)]
        return self._node.users.retrieve(operator(""), selections, priority=Priority.LOW, to=to)

    async def _coerced(self, exam: ForeignStudy, events: AsyncIterator[RetrieveEvent]) -> AsyncIterator[RetrieveEvent]:
        async with aclosing(events):  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Instance):
                    at = self._node.clock.now()
                    event = await self._node.bridge.run(
                        partial(self.coercing.apply, source=exam.institution, at=at), event
                    )
                yield event

    def _exam(self, study: Study, source: NodeId, why: str, lifetime: float) -> ForeignStudy:
        now = self._node.clock.now()
        return ForeignStudy(
            study_uid=study.study_uid,
            node=source.raw,
            institution=self._node.federations.institution(source) or source.short,
            why=why,
            instances=study.instance_count,
            seen=seen(study),
            fetched_at=now,
            checked_at=now,
            expires=now + lifetime,
        )

    def _remember(self, study: Study, holder: NodeId, offer: find.Offer) -> None:
        if self._node.federations.institution(holder) is None:
            raise NoSuchThing("the sender is no member any more")
        if offer.ticket.expires > self._node.clock.now():
            self._node.finder.offers.remember("", study.study_uid, offer)

    async def _find(self, query: StudyQuery) -> AsyncIterator[tuple[Study, NodeId]]:
        async with aclosing(self._node.users.find(operator(""), Search(user="", query=query))) as found:
            async for one in found:
                if one.holder is not None:
                    yield one.study, one.holder

    async def _ask(self, source: NodeId, study_uid: str) -> Study | None:
        query = StudyQuery.of({"StudyInstanceUID": study_uid})
        self._node.audit.note(queried(operator(""), query))
        link = await self._node.links.control(source)
        async with aclosing(link.find(query, user="", limit=ASK_LIMIT)) as hits:  # type: ignore[type-var]
            async for hit in hits:
                if hit.study.study_uid == study_uid:
                    return hit.study
        return None


def _ignore(report: DeliveryReport) -> None:
    """Transfers are counted where they run."""
