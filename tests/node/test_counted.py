"""Instances are counted once each on their way out, whichever way they are asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from idas_p2p.access.subjects import Requester
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.exchange.interfaces import StudyLease
from idas_p2p.node.counted import Counted
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection, Total
from tests.node.nodes import make_instance

WHO = Requester(node_id=SigningKey.generate().node_id, institution="")
ALL = Selection(study_uid="1.2.3")
INSTANCES = [make_instance(1), make_instance(2)]


class Lease:
    """Two instances kept at hand."""

    async def events(self) -> AsyncIterator[RetrieveEvent]:
        yield Total(2)
        for instance in INSTANCES:
            yield instance

    async def instance(self, sop_instance_uid: str) -> Instance:
        return next(one for one in INSTANCES if one.sop_instance_uid == sop_instance_uid)

    def taken(self, sop_instance_uid: str) -> None:
        pass


class Source:
    """Gives them either way."""

    async def open_study(self, requester: Requester, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        async for event in Lease().events():
            yield event

    @asynccontextmanager
    async def open_listed(self, requester: Requester, selection: Selection) -> AsyncIterator[StudyLease]:
        yield Lease()


class Counts:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events = list[RetrieveEvent]()

    def count(self, event: RetrieveEvent) -> None:
        self.events.append(event)


async def test_a_study_that_is_sent_whole_is_counted_as_it_goes() -> None:
    counts = Counts()
    given = [event async for event in Counted(Source(), counts).open_study(WHO, ALL)]
    assert counts.events == given
    assert len(given) == 3


async def test_what_is_only_listed_does_not_count_and_what_is_taken_counts_once() -> None:
    counts = Counts()
    async with Counted(Source(), counts).open_listed(WHO, ALL) as lease:
        assert len([event async for event in lease.events()]) == 3
        for _ in range(2):
            await lease.instance(INSTANCES[0].sop_instance_uid)
        lease.taken(INSTANCES[0].sop_instance_uid)
    assert counts.events == [Total(2), INSTANCES[0]]
