"""What this node holds and for whom: its own catalog for its own users, the same through the policy for members.

Belongs here: the holder's side of find and fetch, up to the archive. Not here: the wire (exchange/), the archives
(sources.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

from idas_p2p.access.policy import Level, Requester, Rule, decide
from idas_p2p.access.tickets import TicketOffice
from idas_p2p.clock import Clock
from idas_p2p.dicom.matching import matches
from idas_p2p.errors import ArchiveUnreachable, IdasError, StudyNotFound, TicketRefused
from idas_p2p.events import log_event
from idas_p2p.node.sources import Sources
from idas_p2p.store.catalog import Catalog, Entry
from idas_p2p.wire.instance import RetrieveEvent, Selection, Total
from idas_p2p.wire.messages import FetchRequest, Hit
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study


class Holdings:
    """The studies of this node's own archives.

    Args:
        catalog: of all archives.
        sources: the archives.
        tickets: issues and checks ours.
        rules: the policy in force, asked anew each time.
        clock: the time.
    """

    def __init__(
        self,
        catalog: Catalog,
        sources: Sources,
        tickets: TicketOffice,
        *,
        rules: Callable[[], list[Rule]],
        clock: Clock,
    ) -> None:
        self._catalog, self._sources, self._tickets = catalog, sources, tickets
        self._rules, self._clock = rules, clock

    def local_studies(self, query: StudyQuery) -> Iterator[Study]:
        """Yield each matching study once, as the archive that has most of it describes it."""
        seen = set[str]()
        for entry in self._catalog.search(query):
            if entry.study.study_uid not in seen and matches(query, entry.study):
                seen.add(entry.study.study_uid)
                yield self.best_entries(entry.study.study_uid)[0].study

    def best_entries(self, study_uid: str) -> list[Entry]:
        """The study in each of our archives that holds it, the one with most instances first."""
        return sorted(self._catalog.entries(study_uid), key=lambda entry: -entry.study.instance_count)

    def instance_count(self, study_uid: str) -> int:
        """How many instances of a study our fullest archive has; 0 when none has it."""
        return max((entry.study.instance_count for entry in self._catalog.entries(study_uid)), default=0)

    def holds(self, study_uid: str) -> bool:
        """Whether one of our archives has the study."""
        return bool(self._catalog.entries(study_uid))

    async def find(self, requester: Requester, query: StudyQuery, *, limit: int) -> AsyncIterator[Hit]:
        """Yield what another member may see, each with a ticket (exchange.interfaces.FindSource)."""
        now = self._clock.now()
        level = self.level(requester)
        if level is Level.NONE:
            return
        for number, study in enumerate(self.local_studies(query)):
            if number >= limit:
                return
            ticket = self._tickets.issue(requester, study.study_uid, level, now=now)
            yield Hit(study=study, ticket=ticket)

    def level(self, requester: Requester) -> Level:
        """What the policy gives this requester now."""
        return decide(self._rules(), requester, now=self._clock.now())

    def check_ticket(self, request: FetchRequest, requester: Requester) -> None:
        """Check a ticket and the policy of this moment.

        Raises:
            TicketRefused: expired, or not issued for this requester, user and study.
            StudyNotFound: the policy no longer lets the requester see it: as if it did not exist.
        """
        refusal = self._tickets.check(request.ticket, requester, request.study_uid, now=self._clock.now())
        if refusal is not None:
            log_event("ticket_refused", peer=requester.node_id.short, reason=str(refusal))
            raise TicketRefused(str(refusal))
        if self.level(requester) is Level.NONE or not self.holds(request.study_uid):
            raise StudyNotFound

    async def open_study(self, requester: Requester, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        """Yield the instances for another member, who was checked (exchange.interfaces.StudySource)."""
        async for event in self.open_local(selection):
            yield event

    async def open_local(self, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        """Yield the instances from the archive that has most of the study, from the next one when it fails at once.

        Raises:
            StudyNotFound: none of our archives has it.
            ArchiveUnreachable: none of those that have it answers.
            ArchiveFailed: the archive broke off.
        """
        entries = self.best_entries(selection.study_uid)
        if not entries:
            raise StudyNotFound
        error: IdasError = ArchiveUnreachable()
        for entry in entries:
            source = self._sources.get(entry.archive)
            if source is None:
                continue
            started = False
            events = source.fetch(selection)
            try:
                async for event in events:
                    started = started or not isinstance(event, Total)
                    yield event
                if started:
                    return
                error = StudyNotFound("the archive no longer has the study")
            except IdasError as failure:
                log_event("archive_fetch_failed", archive=entry.archive, reason=failure.code, next_step=failure.detail)
                if started:
                    raise
                error = failure
            finally:
                await events.aclose()  # type: ignore[attr-defined]
        raise error
