from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from idas_p2p.access.levels import DEIDENTIFIED
from idas_p2p.access.subjects import Requester
from idas_p2p.dicom.levels.engine import Engine
from idas_p2p.node.levelled_source import LevelledSource
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection, Total
from tests.node.levels import levelling_in_memory
from tests.node.nodes import STUDY, data_of, make_instance

BERG = Requester(node_id=NodeId(b"b" * 32), institution="Berg")
STORED = {one.sop_instance_uid: one for one in (make_instance(1), make_instance(2, size=900_000), make_instance(3))}


class Source:
    """A study in memory that notes what was asked of it."""

    def __init__(self) -> None:
        self.asked = list[str]()
        self.let_go = list[str]()

    async def open_study(self, requester: Requester, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        assert selection.study_uid == STUDY
        yield Total(len(STORED))
        for instance in STORED.values():
            yield instance

    @asynccontextmanager
    async def open_listed(self, requester: Requester, selection: Selection) -> AsyncIterator[Source]:
        assert selection.study_uid == STUDY
        yield self

    def events(self) -> AsyncIterator[RetrieveEvent]:
        return self.open_study(BERG, Selection(study_uid=STUDY))

    async def instance(self, sop_instance_uid: str) -> Instance:
        self.asked.append(sop_instance_uid)
        return STORED[sop_instance_uid]

    def taken(self, sop_instance_uid: str) -> None:
        self.let_go.append(sop_instance_uid)


def levelled(source: Source) -> tuple[LevelledSource, Selection]:
    """The source at a level, and how its study is asked for there."""
    view = levelling_in_memory().view(DEIDENTIFIED)
    from idas_p2p.dicom.scan import header_of

    one = STORED["1.2.3.4.1"]
    study = header_of(one.data, one.transfer_syntax_uid).study
    shown = view.study(study)
    view.remember(study, shown)
    return LevelledSource(source, view), Selection(study_uid=shown.study_uid)


async def test_what_is_listed_is_sent_again_in_the_same_bytes_under_the_same_name() -> None:
    source = Source()
    at_level, selection = levelled(source)
    async with at_level.open_listed(BERG, selection) as lease:
        listed = data_of([event async for event in lease.events()])
        again = {uid: (await lease.instance(uid)).data.read() for uid in listed}
        for uid in listed:
            lease.taken(uid)
        after = {uid: (await lease.instance(uid)).data.read() for uid in listed}
    assert listed == again == after
    assert listed.keys().isdisjoint(STORED)
    assert source.let_go == list(STORED)


async def test_what_was_worked_out_once_is_kept_until_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    worked, parts = list[str](), Engine.parts
    monkeypatch.setattr(Engine, "parts", lambda self, one: worked.append(one.sop_instance_uid) or parts(self, one))
    at_level, selection = levelled(Source())
    async with at_level.open_listed(BERG, selection) as lease:
        listed = list(data_of([event async for event in lease.events()]))
        assert worked == list(STORED)
        await lease.instance(listed[0])
        assert worked == list(STORED)
        lease.taken(listed[0])
        await lease.instance(listed[0])
        assert worked == [*STORED, "1.2.3.4.1"]


async def test_a_whole_study_comes_as_the_level_shows_it() -> None:
    at_level, selection = levelled(Source())
    events = [event async for event in at_level.open_study(BERG, selection)]
    assert events[0] == Total(len(STORED))
    assert not [data for data in data_of(events).values() if b"CANARY" in data]
