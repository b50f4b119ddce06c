from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.fastest import FastestArchive
from idas_p2p.dicom.ways import Way
from idas_p2p.errors import ArchiveFailed, ArchiveUnreachable, IdasError, InstanceChanged, MalformedInstance
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tests.directory.network import ManualClock

STUDY = Selection(study_uid="1.2")


def instance(number: int) -> Instance:
    return Instance(
        study_uid="1.2",
        series_uid="1.2.3",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=f"1.2.3.{number}",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        data=MemoryBlob(bytes([number])),
    )


def failed(number: int) -> InstanceFailed:
    return InstanceFailed(sop_instance_uid=f"1.2.3.{number}" if number else "", reason=MalformedInstance())


class Scripted:
    """An archive that says what it is told, and remembers what it was asked."""

    def __init__(self, *events: RetrieveEvent, error: IdasError | None = None) -> None:
        self._events, self._error = events, error
        self.asked: list[Selection] = []
        self.closed = 0

    async def echo(self) -> None:
        if self._error is not None:
            raise self._error

    async def find_studies(self, query: StudyQuery) -> AsyncGenerator[Study, None]:
        yield Study(study_uid="1.2")

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        return [(one.series_uid, one.sop_instance_uid) for one in self._events if isinstance(one, Instance)]

    async def fetch(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        self.asked.append(selection)
        try:
            for event in self._events:
                yield event
            if self._error is not None:
                raise self._error
        finally:
            self.closed += 1


def archive(*ways: Scripted, clock: ManualClock) -> FastestArchive:
    return FastestArchive("pacs", dict(zip(Way, ways, strict=False)), preferred=None, clock=clock)


async def events_of(asked: FastestArchive) -> Sequence[RetrieveEvent]:
    return [event async for event in asked.fetch(STUDY)]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_the_first_way_is_enough_when_it_brings_all(clock: ManualClock) -> None:
    web, move = Scripted(Total(2), instance(1), instance(2)), Scripted()
    assert await events_of(archive(web, move, clock=clock)) == [Total(2), instance(1), instance(2)]
    assert move.asked == []


async def test_instances_are_listed_where_studies_are_found(clock: ManualClock) -> None:
    web, move = Scripted(instance(1)), Scripted(instance(2))
    assert await archive(web, move, clock=clock).list_instances("1.2") == [("1.2.3", "1.2.3.2")]
    assert await archive(web, clock=clock).list_instances("1.2") == [("1.2.3", "1.2.3.1")]


async def test_the_next_way_goes_on_where_one_broke_off(clock: ManualClock) -> None:
    web = Scripted(Total(3), instance(1), error=ArchiveUnreachable("cable"))
    move = Scripted(Total(3), instance(2), instance(1), instance(3))
    assert await events_of(archive(web, move, clock=clock)) == [Total(3), *map(instance, (1, 2, 3))]


async def test_an_instance_that_changed_after_it_came_is_said_at_once(clock: ManualClock) -> None:
    changed = InstanceFailed(sop_instance_uid=instance(1).sop_instance_uid, reason=InstanceChanged())
    assert await events_of(archive(Scripted(Total(2), instance(1), instance(2), changed), clock=clock)) == [
        Total(2),
        instance(1),
        instance(2),
        changed,
    ]


async def test_the_log_names_the_way_and_the_reason_and_no_uid(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    web, move = Scripted(error=ArchiveFailed("HTTP status 404")), Scripted(Total(1), instance(1))
    await events_of(archive(web, move, clock=clock))
    (record,) = [one for one in caplog.records if one.message == "archive_way_failed"]
    assert record.__dict__["fields"] == {
        "archive": "pacs",
        "path": "dicomweb",
        "reason": "remote.archive",
        "next_step": "HTTP status 404",
    }


async def test_a_way_that_brought_nothing_is_passed_over_the_next_time(clock: ManualClock) -> None:
    web, move = Scripted(error=ArchiveUnreachable()), Scripted(Total(1), instance(1))
    asked = archive(web, move, clock=clock)
    await events_of(asked)
    await events_of(asked)
    assert (len(web.asked), len(move.asked)) == (1, 2)


async def test_instances_that_one_way_could_not_bring_are_asked_for_by_the_next(clock: ManualClock) -> None:
    web, move = Scripted(Total(2), instance(1), failed(2)), Scripted(Total(1), instance(2))
    assert await events_of(archive(web, move, clock=clock)) == [Total(2), instance(1), instance(2)]
    assert move.asked == [Selection(study_uid="1.2", sop_instance_uids=("1.2.3.2",))]


async def test_a_failure_without_a_name_lets_the_next_way_bring_the_whole_study(clock: ManualClock) -> None:
    web, move = Scripted(Total(2), instance(1), failed(0)), Scripted(Total(2), instance(1), instance(2))
    assert await events_of(archive(web, move, clock=clock)) == [Total(2), instance(1), instance(2)]
    assert move.asked == [STUDY]


@pytest.mark.parametrize("number", [0, 2])
async def test_what_no_way_brings_fails_alone(clock: ManualClock, number: int) -> None:
    web, move = Scripted(Total(2), instance(1), failed(number)), Scripted(error=ArchiveUnreachable())
    *events, last = await events_of(archive(web, move, clock=clock))
    assert events == [Total(2), instance(1)]
    assert isinstance(last, InstanceFailed)
    assert isinstance(last.reason, MalformedInstance)


async def test_when_no_way_works_the_first_one_says_why(clock: ManualClock) -> None:
    web, move = Scripted(error=ArchiveFailed("its certificate")), Scripted(error=ArchiveUnreachable("nobody there"))
    with pytest.raises(ArchiveFailed, match="its certificate"):
        await events_of(archive(web, move, clock=clock))


async def test_leaving_early_ends_the_work_at_the_archive(clock: ManualClock) -> None:
    web = Scripted(Total(2), instance(1), instance(2))
    async with aclosing(archive(web, clock=clock).fetch(STUDY)) as events:
        assert await anext(events) == Total(2)
    assert web.closed == 1


async def test_the_way_that_lets_us_wait_less_is_taken(clock: ManualClock) -> None:
    class Slow(Scripted):
        async def fetch(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
            self.asked.append(selection)
            clock.advance(self.seconds)
            yield large

        seconds = 1.0

    large = replace(instance(1), data=MemoryBlob(bytes(4_000_000)))
    move, get = Slow(), Slow()
    get.seconds = 0.1
    asked = FastestArchive("pacs", {Way.MOVE: move, Way.GET: get}, preferred=None, clock=clock)
    for _ in range(20):
        await events_of(asked)
    assert (len(move.asked), len(get.asked)) == (15, 5)  # the 16th looked at the other one, which stayed


async def test_searches_go_over_dicom_where_there_is_dicom(clock: ManualClock) -> None:
    asked = archive(Scripted(error=ArchiveFailed("web")), Scripted(), clock=clock)
    assert [study.study_uid async for study in asked.find_studies(StudyQuery())] == ["1.2"]
    with pytest.raises(ArchiveFailed, match="web"):
        await asked.echo()
