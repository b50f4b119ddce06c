"""Studies whose instances are counted on their way out to another machine.

Belongs here: that. Not here: the counts (transfers.py), who may have them (serve.py, pass_server.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

from idas_p2p.access.subjects import Requester
from idas_p2p.exchange.interfaces import StudyLease, StudySource
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection


class Counter(Protocol):
    """Counts events (transfers.Transfer)."""

    def count(self, event: RetrieveEvent) -> None:
        """One event on its way out."""
        ...


class Counted:
    """A source (exchange.interfaces.StudySource) whose instances are counted on their way out."""

    def __init__(self, source: StudySource, counter: Counter) -> None:
        self._source, self._counter = source, counter

    async def open_study(self, requester: Requester, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        """As StudySource.open_study."""
        async with aclosing(self._source.open_study(requester, selection)) as events:  # type: ignore[type-var]
            async for event in events:
                self._counter.count(event)
                yield event

    @asynccontextmanager
    async def open_listed(self, requester: Requester, selection: Selection) -> AsyncIterator[StudyLease]:
        """As StudySource.open_listed; what is taken from the lease counts, what is only listed does not."""
        async with self._source.open_listed(requester, selection) as lease:
            yield CountedLease(lease, self._counter)


class CountedLease:
    """A lease whose instances are counted when they are taken out."""

    def __init__(self, lease: StudyLease, counter: Counter) -> None:
        self._lease, self._counter = lease, counter
        self._counted = set[str]()

    async def events(self) -> AsyncIterator[RetrieveEvent]:
        """As StudyLease.events."""
        async with aclosing(self._lease.events()) as events:  # type: ignore[type-var]
            async for event in events:
                if not isinstance(event, Instance):
                    self._counter.count(event)
                yield event

    async def instance(self, sop_instance_uid: str) -> Instance:
        """As StudyLease.instance."""
        instance = await self._lease.instance(sop_instance_uid)
        if sop_instance_uid not in self._counted:
            self._counted.add(sop_instance_uid)
            self._counter.count(instance)
        return instance

    def taken(self, sop_instance_uid: str) -> None:
        """As StudyLease.taken."""
        self._lease.taken(sop_instance_uid)
