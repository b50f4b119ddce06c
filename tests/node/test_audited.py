"""What is shown and sent has its record first, and is not shown or sent when it cannot have one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest

from idas_p2p.access.audit.events import subject
from idas_p2p.errors import ArchiveFailed, AuditUnavailable, BadQuery
from idas_p2p.node.audited import CANCELLED, Shown, recorded_hits, recorded_transfer
from idas_p2p.wire.audit import MAX_SUBJECTS, Event, Kind, Outcome
from idas_p2p.wire.query import StudyQuery
from tests.access.audit.logs import DOCTOR, KEY, PEER

QUERY = StudyQuery.of({"PatientID": "P1"})


@dataclass
class Log:
    """Notes what it is told, until it is full."""

    noted: list[Event] = field(default_factory=list)
    room: int = 10_000
    on_disk: int = 0

    def note(self, event: Event) -> None:
        if len(self.noted) >= self.room:
            raise AuditUnavailable("full")
        self.noted.append(event)

    async def settled(self) -> None:
        self.on_disk = len(self.noted)

    @property
    def kinds(self) -> list[int]:
        return [event.kind for event in self.noted]

    def uids(self) -> list[str]:
        return [one.study_uid for event in self.noted if event.kind == Kind.SHOWN for one in event.subjects]


@dataclass
class Counts:
    number: int = 7
    instances: int = 0
    failed: int = 0
    bytes: int = 0


async def uids(*found: str, error: Exception | None = None) -> AsyncGenerator[str, None]:
    for uid in found:
        yield uid
    if error is not None:
        raise error


def describe(uid: str) -> Shown:
    return Shown(subject(uid), level="full" if uid < "5" else "obscured")


async def test_every_hit_is_recorded_before_it_is_shown_and_the_query_before_all() -> None:
    log = Log()
    hits = recorded_hits(log.note, DOCTOR, QUERY, uids(*"123"), describe)
    async for uid in hits:
        assert uid in log.uids()
    assert log.noted[0].kind == Kind.QUERY
    assert log.noted[0].keys == QUERY.keys
    assert log.uids() == ["1", "2", "3"]


async def test_hits_that_come_together_share_a_record_and_levels_do_not() -> None:
    log = Log()
    found = [hit async for hit in recorded_hits(log.note, DOCTOR, QUERY, uids(*"1267"), describe)]
    assert found == list("1267")
    assert [(one.level, len(one.subjects)) for one in log.noted[1:]] == [("full", 2), ("obscured", 2)]
    many = Log()
    names = [str(number) for number in range(1_000)]
    assert [hit async for hit in recorded_hits(many.note, DOCTOR, QUERY, uids(*names), lambda u: Shown(subject(u)))]
    assert many.uids() == names
    assert len(many.noted) < 1_000 / MAX_SUBJECTS + 20


async def test_a_hit_is_not_held_back_for_later_ones() -> None:
    log, more = Log(), asyncio.Event()

    async def slow() -> AsyncGenerator[str, None]:
        yield "1"
        await more.wait()
        yield "2"

    async with asyncio.timeout(5), aclosing(recorded_hits(log.note, DOCTOR, QUERY, slow(), describe)) as hits:
        assert await anext(hits) == "1"
        more.set()
        assert await anext(hits) == "2"


async def test_nothing_is_shown_that_cannot_be_recorded() -> None:
    log = Log(room=1)
    shown: list[str] = []

    async def read() -> None:
        async for uid in recorded_hits(log.note, DOCTOR, QUERY, uids(*"12"), describe):
            shown.append(uid)

    with pytest.raises(AuditUnavailable):
        await read()
    assert shown == []
    with pytest.raises(AuditUnavailable):
        await anext(recorded_hits(Log(room=0).note, DOCTOR, QUERY, uids("1"), describe))


async def test_a_query_that_fails_is_recorded_with_its_reason_after_what_it_showed() -> None:
    log = Log()
    found: list[str] = []

    async def read() -> None:
        async for uid in recorded_hits(log.note, DOCTOR, QUERY, uids("1", error=BadQuery()), describe):
            found.append(uid)

    with pytest.raises(BadQuery):
        await read()
    assert found == ["1"]
    assert log.kinds == [Kind.QUERY, Kind.SHOWN, Kind.QUERY]
    assert (log.noted[-1].outcome, log.noted[-1].reason) == (Outcome.MINOR_FAILURE, "user.query")


async def test_a_reader_that_leaves_ends_the_source() -> None:
    closed: list[bool] = []

    async def source() -> AsyncGenerator[str, None]:
        try:
            for number in range(1_000):
                yield str(number)
        finally:
            closed.append(True)

    async with aclosing(recorded_hits(Log().note, DOCTOR, QUERY, source(), lambda u: Shown(subject(u)))) as hits:
        await anext(hits)
    assert closed == [True]


async def test_what_other_nodes_hold_is_recorded_with_who_holds_it() -> None:
    log = Log()

    def held(uid: str) -> Shown:
        return Shown(subject(uid), holder=KEY.node_id if uid == "1" else PEER.node_id, institution=f"Clinic {uid}")

    assert [hit async for hit in recorded_hits(log.note, DOCTOR, QUERY, uids("1", "2"), held)]
    assert [(one.node, one.institution) for one in log.noted[1:]] == [
        (KEY.node_id.raw, "Clinic 1"),
        (PEER.node_id.raw, "Clinic 2"),
    ]


async def test_a_transfers_beginning_is_on_the_disk_before_anything_is_sent_and_its_end_is_counted() -> None:
    log, counts = Log(), Counts()
    async with recorded_transfer(log, DOCTOR, subject("1.2", "P1"), counts, level="full"):
        assert (log.on_disk, log.kinds) == (1, [Kind.BEGIN_TRANSFER])
        counts.instances, counts.bytes = 3, 3_000
    begun, ended = log.noted
    assert (ended.kind, ended.outcome, ended.instances, ended.size) == (Kind.TRANSFERRED, Outcome.SUCCESS, 3, 3_000)
    assert begun.transfer == ended.transfer == 7
    assert begun.subjects == ended.subjects


async def test_a_transfer_that_breaks_off_is_recorded_with_its_reason() -> None:
    log = Log()
    with pytest.raises(ArchiveFailed):
        async with recorded_transfer(log, DOCTOR, subject("1.2"), Counts(instances=1)):
            raise ArchiveFailed
    with pytest.raises(asyncio.CancelledError):
        async with recorded_transfer(log, DOCTOR, subject("1.2"), Counts()):
            raise asyncio.CancelledError
    async with recorded_transfer(log, DOCTOR, subject("1.2"), Counts(failed=2)):
        pass
    ended = [(one.outcome, one.reason, one.instances) for one in log.noted[1::2]]
    assert ended == [
        (Outcome.MINOR_FAILURE, "remote.archive", 1),
        (Outcome.MINOR_FAILURE, CANCELLED, 0),
        (Outcome.MINOR_FAILURE, "partial", 0),
    ]


async def test_a_transfer_that_cannot_be_recorded_does_not_begin() -> None:
    ran = False
    with pytest.raises(AuditUnavailable):
        async with recorded_transfer(Log(room=0), DOCTOR, subject("1.2"), Counts()):
            ran = True
    assert not ran


async def test_a_log_that_fills_up_during_a_transfer_does_not_undo_it() -> None:
    async with recorded_transfer(Log(room=1), DOCTOR, subject("1.2"), Counts()):
        pass


async def test_who_held_the_images_may_be_known_only_at_the_end() -> None:
    log = Log()
    at_end = lambda actor: replace(actor, institution="Lake")  # noqa: E731
    async with recorded_transfer(log, DOCTOR, subject("1.2"), Counts(), at_end=at_end):
        pass
    assert log.noted[-1].institution == "Lake"
