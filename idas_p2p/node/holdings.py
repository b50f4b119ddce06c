"""What this node holds and for whom: its own catalog for its own users, the same through the policy for members.

Belongs here: the holder's side of find and fetch, up to the archive. Not here: the wire (exchange/), the archives
(sources.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from idas_p2p.access.compiled import Policy
from idas_p2p.access.emergencies import Emergencies
from idas_p2p.access.levels import NONE
from idas_p2p.access.subjects import Requester
from idas_p2p.access.tickets import TicketOffice, TicketRefusal
from idas_p2p.clock import Clock
from idas_p2p.dicom.matching import matches
from idas_p2p.errors import StudyNotFound, TicketRefused, TooManyMatches
from idas_p2p.events import log_event
from idas_p2p.exchange.interfaces import StudySource
from idas_p2p.node.facts import facts_of_entries, fullest_first, ours_alone, without_kept
from idas_p2p.node.grounds import Grouping, Rules
from idas_p2p.node.levelled_source import LevelledSource
from idas_p2p.node.levelling import Levelling, View
from idas_p2p.node.shelves import LINGER, Lease, Shelves
from idas_p2p.node.sources import Sources
from idas_p2p.node.united import Holder, united
from idas_p2p.store.catalog import Catalog, Entry
from idas_p2p.wire.fetching import FetchRequest
from idas_p2p.wire.instance import RetrieveEvent, Selection
from idas_p2p.wire.level import Level
from idas_p2p.wire.messages import Hit
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

LOOKED_AT_ONCE: Final = 200  # studies compared with a query before others get their turn; ours: a few milliseconds
NOT_THERE: Final = "0.0"
"""No study's UID: looked up and decided about where a query finds nothing, so that this takes the time of finding."""


class Holdings:
    """The studies of this node's own archives.

    Args:
        catalog: of all archives.
        sources: the archives.
        shelves: pulls under way.
        tickets: issues and checks ours.
        rules: the policy in force.
        groups: who belongs to which.
        levelling: shows studies at levels that change something.
        clock: the time.
        emergencies: who broke the glass for whom.
    """

    def __init__(
        self,
        catalog: Catalog,
        sources: Sources,
        shelves: Shelves,
        tickets: TicketOffice,
        *,
        rules: Rules,
        groups: Grouping,
        levelling: Levelling,
        clock: Clock,
        emergencies: Emergencies | None = None,
    ) -> None:
        self._emergencies = emergencies
        self._catalog, self._sources, self._shelves, self._tickets = catalog, sources, shelves, tickets
        self._rules, self._groups, self._clock = rules, groups, clock
        self.levelling = levelling
        self._views: tuple[Policy | None, dict[str, View]] = None, {}

    async def own_studies(self, user: str, query: StudyQuery) -> AsyncGenerator[Study, None]:
        """Yield what one of this node's own users may see: each matching study once, as its fullest archive has it."""
        async with aclosing(self.seen_by(self._groups.own(user), query)) as seen:
            async for study, _ in seen:
                yield study

    async def seen_by(self, requester: Requester, query: StudyQuery) -> AsyncGenerator[tuple[Study, Level], None]:
        """Yield each study that matches, once, as the requester may see it, with the level of that.

        The level is decided before anything is compared with the query: a study that may not be seen, and one that is
        not there, take the same way. What is compared is what the level shows.
        """
        for view in (None, *self._changing().values()):
            superset = query if view is None else view.superset(query)
            if superset is None:
                continue
            is_there = False
            async with aclosing(self._candidates(superset)) as candidates:
                async for found in candidates:
                    is_there = True
                    entries = found if requester.is_own else without_kept(found)
                    level = self._decide(requester, entries)
                    is_of_view = level.is_full if view is None else level.mark == view.level.mark
                    if is_of_view and (shown := _shown(entries, query, view)) is not None:
                        yield shown, level
            if not is_there:
                self._decide(requester, self._catalog.entries(NOT_THERE))

    def _changing(self) -> dict[str, View]:
        """How the levels of the policy that change something show studies, by their marks."""
        policy = self._rules.policy
        if self._views[0] is not policy:
            levels = {rule.level.mark: rule.level for rule in policy.rules}
            changing = [level for level in levels.values() if not level.is_full and not level.is_none]
            self._views = policy, {level.mark: self.levelling.view(level) for level in changing}
        return self._views[1]

    def original(self, mark: str, study_uid: str) -> str:
        """The study that goes by a UID at the level of a mark; the UID itself where that means nothing here."""
        view = self._changing().get(mark)
        return study_uid if view is None else view.original(study_uid) or study_uid

    def view(self, mark: str) -> View | None:
        """How the level of a mark shows studies; None where it changes nothing."""
        return self._changing().get(mark)

    def at(self, mark: str) -> StudySource:
        """What this node holds, as the level of a mark shows it."""
        view = self.view(mark)
        return self if view is None else LevelledSource(self, view)

    async def _candidates(self, query: StudyQuery) -> AsyncGenerator[list[Entry], None]:
        """Yield each study that may match, once, as each of our archives has it, the fullest first."""
        for number, entries in enumerate(self._catalog.studies(query), 1):
            if number % LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)  # a large catalog must not hold up everything else
            yield entries

    def best_entries(self, study_uid: str) -> list[Entry]:
        """The study in each of our archives that holds it, the one with most instances first."""
        return fullest_first(self._catalog.entries(study_uid))

    def instance_count(self, study_uid: str) -> int:
        """How many instances of a study our fullest archive has; 0 when none has it."""
        return max((entry.study.instance_count for entry in self._catalog.entries(study_uid)), default=0)

    def holds(self, study_uid: str) -> bool:
        """Whether one of our archives has the study."""
        return bool(self._catalog.entries(study_uid))

    @property
    def policy_version(self) -> int:
        """Raised by every change of the policy, and when an emergency begins or ends."""
        return self._rules.version + (self._emergencies.version if self._emergencies else 0)

    async def find(self, requester: Requester, query: StudyQuery, *, limit: int) -> AsyncGenerator[Hit, None]:
        """Yield what another member may see, each with a ticket (exchange.interfaces.FindSource).

        Raises:
            TooManyMatches: there are more than `limit`.
        """
        now = self._clock.now()
        async with aclosing(self.seen_by(await self._groups.of(requester), query)) as seen:
            async for study, level in seen:
                if limit <= 0:
                    raise TooManyMatches("more matches than one answer holds")
                yield Hit(study=study, ticket=self._tickets.issue(requester, study.study_uid, level, now=now))
                limit -= 1

    def level(self, requester: Requester, study_uid: str) -> Level:
        """What the policy gives this requester of a study now, by the groups that are known; none where it is not."""
        return self._decide(self._groups.known(requester), self.best_entries(study_uid))

    def own_level(self, user: str, study_uid: str) -> Level:
        """What the policy gives one of this node's own users of a study, by the UID it goes by for them."""
        requester = self._groups.own(user)
        for view in self._changing().values():
            original = view.original(study_uid)
            if original is not None:
                level = self._decide(requester, self.best_entries(original))
                if level.mark == view.level.mark:
                    return level
        level = self._decide(requester, self.best_entries(study_uid))
        return level if level.is_full else NONE

    async def check_ticket(self, request: FetchRequest, requester: Requester) -> None:
        """Check a ticket and the policy of this moment.

        Raises:
            TicketRefused: expired, not issued for this requester, user and study, or for another level than it has now.
            StudyNotFound: the policy no longer lets the requester see it: as if it did not exist.
        """
        refusal = self._tickets.check(request.ticket, requester, request.study_uid, now=self._clock.now())
        if refusal is None:
            study_uid = self.original(request.ticket.level, request.study_uid)
            level = self.level(await self._groups.of(requester), study_uid)
            if level.is_none:
                raise StudyNotFound
            refusal = None if level.mark == request.ticket.level else TicketRefusal.OTHER_LEVEL
        if refusal is not None:
            log_event("ticket_refused", peer=requester.node_id.short, reason=str(refusal))
            raise TicketRefused(str(refusal))

    def _decide(self, requester: Requester, entries: Sequence[Entry]) -> Level:
        """What the policy gives of a study; the same work is done for one that is not there."""
        entries = entries if requester.is_own else without_kept(entries)
        facts = facts_of_entries(entries, self._rules.labelled)
        now = self._clock.now()
        if self._emergencies and self._emergencies.covers(requester, facts.patient, now=now):
            requester = replace(requester, in_emergency=True)
        level = self._rules.policy.decide(requester, facts, now=now).level
        return level if entries else NONE

    async def open_study(self, requester: Requester, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        """Yield the instances for another member, who was checked (exchange.interfaces.StudySource)."""
        async with aclosing(self._read(self._lease(selection, linger=LINGER))) as events:
            async for event in events:
                yield event

    def open_listed(self, requester: Requester, selection: Selection) -> Lease:
        """The same for one that chooses among them (exchange.interfaces.StudySource)."""
        return self._lease(selection, keeps=True, linger=LINGER)

    async def open_own(self, user: str, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield the instances as one of this node's own users may see them; errors as for `open_local`.

        A change of the rules that changes the user's level ends it as if the study were not there any more.
        """
        level, version = self.own_level(user, selection.study_uid).mark, self.policy_version
        source = self.at(level)
        events = self.open_local(selection) if source is self else source.open_study(self._groups.own(user), selection)
        async with aclosing(events) as opened:  # type: ignore[type-var]
            async for event in opened:
                if version != self.policy_version:
                    version = self.policy_version
                    if self.own_level(user, selection.study_uid).mark != level:
                        raise StudyNotFound("a rule changed meanwhile")
                yield event

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
        entries = ours_alone(self.best_entries(selection.study_uid))
        found = [(entry, self._sources.get(entry.archive)) for entry in entries]
        holders = [
            Holder(entry.archive, source, entry.study.instance_count) for entry, source in found if source is not None
        ]
        return united(holders, selection)


def _shown(entries: Sequence[Entry], query: StudyQuery, view: View | None) -> Study | None:
    """The study as the level shows it, when that matches; None when it does not."""
    shown = [entry.study if view is None else view.study(entry.study) for entry in entries]
    if not any(matches(query, study) for study in shown):
        return None
    if view is not None:
        view.remember(entries[0].study, shown[0])
    return shown[0]
