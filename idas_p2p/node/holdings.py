"""What this node holds and for whom: its own catalog for its own users, the same through the policy for members.

Belongs here: the holder's side of find and fetch, up to the archive. Not here: the wire (exchange/), the archives
(sources.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final

from idas_p2p.access.policy import Level, Requester, Rule, decide
from idas_p2p.access.tickets import TicketOffice
from idas_p2p.clock import Clock
from idas_p2p.dicom.matching import matches
from idas_p2p.errors import StudyNotFound, TicketRefused
from idas_p2p.events import log_event
from idas_p2p.node.shelves import LINGER, Lease, Shelves
from idas_p2p.node.sources import Sources
from idas_p2p.node.united import Holder, united
from idas_p2p.store.catalog import Catalog, Entry
from idas_p2p.wire.fetching import FetchRequest
from idas_p2p.wire.instance import RetrieveEvent, Selection
from idas_p2p.wire.messages import Hit
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

LOOKED_AT_ONCE: Final = 200  # studies compared with a query before others get their turn; ours: a few milliseconds


class Holdings:
    """The studies of this node's own archives.

    Args:
        catalog: of all archives.
        sources: the archives.
        shelves: pulls under way.
        tickets: issues and checks ours.
        rules: the policy in force, asked anew each time.
        clock: the time.
    """

    def __init__(
        self,
        catalog: Catalog,
        sources: Sources,
        shelves: Shelves,
        tickets: TicketOffice,
        *,
        rules: Callable[[], list[Rule]],
        clock: Clock,
    ) -> None:
        self._catalog, self._sources, self._shelves, self._tickets = catalog, sources, shelves, tickets
        self._rules, self._clock = rules, clock

    async def local_studies(self, query: StudyQuery) -> AsyncGenerator[Study, None]:
        """Yield each matching study once, as the archive that has most of it describes it."""
        seen = set[str]()
        for number, entry in enumerate(self._catalog.search(query), 1):
            if number % LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)  # a large catalog must not hold up everything else
            if entry.study.study_uid not in seen and matches(query, entry.study):
                seen.add(entry.study.study_uid)
                if best := self.best_entries(entry.study.study_uid):  # none when it vanished this moment
                    yield best[0].study

    def best_entries(self, study_uid: str) -> list[Entry]:
        """The study in each of our archives that holds it, the one with most instances first."""
        return sorted(self._catalog.entries(study_uid), key=lambda entry: -entry.study.instance_count)

    def instance_count(self, study_uid: str) -> int:
        """How many instances of a study our fullest archive has; 0 when none has it."""
        return max((entry.study.instance_count for entry in self._catalog.entries(study_uid)), default=0)

    def holds(self, study_uid: str) -> bool:
        """Whether one of our archives has the study."""
        return bool(self._catalog.entries(study_uid))

    async def find(self, requester: Requester, query: StudyQuery, *, limit: int) -> AsyncGenerator[Hit, None]:
        """Yield what another member may see, each with a ticket (exchange.interfaces.FindSource)."""
        now = self._clock.now()
        level = self.level(requester)
        if level is Level.NONE or limit <= 0:
            return
        async with aclosing(self.local_studies(query)) as studies:
            async for study in studies:
                ticket = self._tickets.issue(requester, study.study_uid, level, now=now)
                yield Hit(study=study, ticket=ticket)
                limit -= 1
                if not limit:
                    return

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
        async with aclosing(self._read(self._lease(selection, linger=LINGER))) as events:
            async for event in events:
                yield event

    def open_listed(self, requester: Requester, selection: Selection) -> Lease:
        """The same for one that chooses among them (exchange.interfaces.StudySource)."""
        return self._lease(selection, keeps=True, linger=LINGER)

    async def open_local(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield the instances from our archives; whoever asks for the same meanwhile shares what they give.

        Raises:
            StudyNotFound: none of our archives has it, or none gives a single instance of it.
            ArchiveUnreachable, ArchiveFailed: the last that has it does not answer, or broke off.
        """
        async with aclosing(self._read(self._lease(selection))) as events:
            async for event in events:
                yield event

    def _lease(self, selection: Selection, *, keeps: bool = False, linger: float = 0.0) -> Lease:
        count = self.instance_count(selection.study_uid)
        return self._shelves.open(selection, self._pull, keeps=keeps, linger=linger, at_least=count)

    async def _read(self, lease: Lease) -> AsyncGenerator[RetrieveEvent, None]:
        async with lease, aclosing(lease.events()) as events:
            async for event in events:
                yield event

    def _pull(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        """Ask the archives that hold a study and are configured now, the fullest first."""
        found = [(entry, self._sources.get(entry.archive)) for entry in self.best_entries(selection.study_uid)]
        holders = [
            Holder(entry.archive, source, entry.study.instance_count) for entry, source in found if source is not None
        ]
        return united(holders, selection)
