"""Earlier studies of a patient are here before anybody asks: fetched to the cache or pushed to an archive.

Law: a new study is looked at once; a prior that is here is not fetched again; nothing is fetched outside the rule's
hours or faster than it says; what cannot be had is tried some times more and then left. Belongs here: when and what.
Not here: the choice (prior_rules.py), keeping (foreign.py).
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from idas_p2p.clock import Clock
from idas_p2p.errors import IdasError, NoSuchThing
from idas_p2p.events import log_event
from idas_p2p.node.prior_rules import PriorBook, PriorRule, chosen, is_recent, queries_for
from idas_p2p.store.arrivals import Arrival, Arrivals
from idas_p2p.store.catalog import Catalog
from idas_p2p.wire.hours import Hours
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, RetrieveEvent
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

TURN: Final = 2.0  # seconds between two looks for new studies; ours
AT_ONCE: Final = 20  # new studies of one turn; ours
RECENT_DAYS: Final = 3  # how old a study may be that counts as new; ours
ATTEMPTS: Final = 5  # at the priors of one study; ours
RETRY: Final = 120.0  # seconds until the second attempt, doubled each time; ours
ARRIVAL_AGE: Final = 30 * 86_400.0  # seconds for which it is known that a study was looked at; ours
MAX_FOUND: Final = 2_000  # studies of one patient that are looked at; ours

Found = tuple[Study, NodeId]
Find = Callable[[StudyQuery], AsyncIterator[Found]]
"""Yields studies that members show, with their holders."""
Bring = Callable[[Study, NodeId, PriorRule], Awaitable[None]]
"""Fetches one prior to where its rule says."""


class Priors:
    """Looks for priors.

    Args:
        book: has the rules.
        arrivals: new studies.
        catalog: what is here; notes new studies as long as there are rules.
        is_here: whether a study is held or kept here.
        find: asks the federation.
        bring: fetches.
        clock: the time.
    """

    def __init__(
        self,
        book: PriorBook,
        arrivals: Arrivals,
        catalog: Catalog,
        *,
        is_here: Callable[[str], bool],
        find: Find,
        bring: Bring,
        clock: Clock,
    ) -> None:
        self._book, self._arrivals, self._catalog, self._clock = book, arrivals, catalog, clock
        self._is_here, self._find, self._bring = is_here, find, bring
        self._rules = book.rules()
        catalog.is_arrival = self._is_arrival

    @property
    def waiting(self) -> int:
        """New studies whose priors were not looked for yet."""
        return self._arrivals.waiting()

    def _is_arrival(self, row: Mapping[str, Any]) -> bool:
        today = datetime.datetime.fromtimestamp(self._clock.now(), datetime.UTC).date()
        return bool(self._rules) and is_recent(str(row["study_date"]), today, days=RECENT_DAYS)

    async def turn(self) -> float:
        """Look for the priors of what is new; seconds until the next turn."""
        now, self._rules = self._clock.now(), self._book.rules()
        for arrival in self._arrivals.due(now=now, limit=AT_ONCE):
            await self._look(arrival)
        self._arrivals.forget(before=now - ARRIVAL_AGE)
        return TURN

    async def _look(self, arrival: Arrival) -> None:
        now = self._clock.now()
        study = next((entry.study for entry in self._catalog.entries(arrival.study_uid)), None)
        rule = self._rule_for(study) if study is not None else None
        if study is None or rule is None:
            self._arrivals.done(arrival.study_uid)
        elif pause := _pause(rule, now):
            self._arrivals.later(arrival.study_uid, at=now + pause, attempts=arrival.attempts)
        else:
            await self._try(arrival, study, rule)

    async def _try(self, arrival: Arrival, study: Study, rule: PriorRule) -> None:
        try:
            holders = await self._found(study, rule)
            failure = ""
            for prior in chosen(rule, study, (one for one, _ in holders.values())):
                if not self._is_here(prior.study_uid):
                    failure = await self._one(prior, holders[prior.study_uid][1], rule) or failure
        except IdasError as error:
            failure = error.code
        attempts = arrival.attempts + 1
        if not failure or attempts >= ATTEMPTS:
            self._arrivals.done(arrival.study_uid)
        else:
            self._arrivals.later(
                arrival.study_uid, at=self._clock.now() + RETRY * 2.0 ** (attempts - 1), attempts=attempts
            )

    async def _one(self, prior: Study, holder: NodeId, rule: PriorRule) -> str:
        """Bring one prior; the code of why it did not come whole."""
        try:
            await self._bring(prior, holder, rule)
        except IdasError as error:
            log_event("prior_not_fetched", peer=holder.short, reason=error.code)
            return error.code
        log_event("prior_fetched", peer=holder.short)
        return ""

    def _rule_for(self, study: Study) -> PriorRule | None:
        return next((rule for rule in self._rules if rule.means(study)), None)

    async def _found(self, study: Study, rule: PriorRule) -> dict[str, Found]:
        """Studies that may be priors, by UID; of two holders the one with more of it."""
        found: dict[str, Found] = {}
        for query in queries_for(rule, study):
            async with aclosing(self._find(query)) as hits:  # type: ignore[type-var]
                async for one, holder in hits:
                    known = found.get(one.study_uid)
                    if known is None or known[0].instance_count < one.instance_count:
                        found[one.study_uid] = one, holder
                    if len(found) >= MAX_FOUND:
                        break
        return found

    async def explain(self, study_uid: str) -> dict[str, Any]:
        """What would be done for a study, and why; nothing is fetched.

        Raises:
            NoSuchThing: no archive of this node has it.
        """
        study = next((entry.study for entry in self._catalog.entries(study_uid)), None)
        if study is None:
            raise NoSuchThing("no archive of this node holds this study")
        self._rules = self._book.rules()
        rule = self._rule_for(study)
        if rule is None:
            return {"rule": 0, "to": "", "priors": []}
        found = await self._found(study, rule)
        taken = {one.study_uid for one in chosen(rule, study, (one for one, _ in found.values()))}
        priors = [
            {
                "study_uid": one.study_uid,
                "date": one.study_date,
                "modalities": list(one.modalities),
                "holder": holder.short,
                "why": self._why(rule, study, one, is_taken=one.study_uid in taken),
            }
            for one, holder in found.values()
        ]
        number = self._rules.index(rule) + 1
        return {"rule": number, "to": rule.to, "priors": sorted(priors, key=lambda one: str(one["date"]), reverse=True)}

    def _why(self, rule: PriorRule, study: Study, prior: Study, *, is_taken: bool) -> str:
        if is_taken:
            return "is here already" if self._is_here(prior.study_uid) else "would be fetched"
        return rule.unfit(study, prior) or f"only the newest {rule.count} are taken"


async def throttled(events: AsyncIterator[RetrieveEvent], *, mbit: float) -> AsyncGenerator[RetrieveEvent, None]:
    """Yield events no faster than a rate.

    Args:
        events: of a retrieval.
        mbit: megabits of data sets a second; 0: as they come.
    """
    loop = asyncio.get_running_loop()
    begin, sent = loop.time(), 0
    async with aclosing(events):  # type: ignore[type-var]
        async for event in events:
            yield event
            if mbit and isinstance(event, Instance):
                sent += event.data.size
                await asyncio.sleep(max(0.0, begin + 8e-6 * sent / mbit - loop.time()))


def _pause(rule: PriorRule, now: float) -> float:
    """Seconds until the rule's hours; 0 within them."""
    if not rule.hours:
        return 0.0
    local = datetime.datetime.fromtimestamp(now, datetime.UTC).astimezone()
    return Hours.parse(rule.hours).wait(local.hour * 3_600 + local.minute * 60 + local.second)
