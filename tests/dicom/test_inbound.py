import asyncio
from dataclasses import replace

import pytest

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.inbound import QUEUE_SIZE, Inbound
from idas_p2p.errors import InstanceChanged, MalformedInstance
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection, Total

STUDY = Selection(study_uid="1.2")


def instance(number: int, *, study: str = "1.2") -> Instance:
    return Instance(
        study_uid=study,
        series_uid=f"{study}.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=f"{study}.1.{number}",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        data=MemoryBlob(b""),
    )


async def test_an_instance_goes_to_the_fetch_that_asked_this_archive_for_the_study() -> None:
    inbound = Inbound()
    with inbound.expect("PACS", STUDY) as wanted, inbound.expect("OTHER", STUDY) as other:
        assert await inbound.offer("PACS", instance(1))
        assert await wanted.take(None) == instance(1)
    assert (wanted.received, other.received) == (1, 0)


@pytest.mark.parametrize(
    ("caller", "selection"),
    [
        ("STRANGER", STUDY),
        ("PACS", Selection(study_uid="1.3")),
        ("PACS", Selection(study_uid="1.2", series_uids=("1.2.9",))),
        ("PACS", Selection(study_uid="1.2", sop_instance_uids=("1.2.1.9",))),
    ],
)
async def test_what_nobody_asked_for_is_not_taken(caller: str, selection: Selection) -> None:
    inbound = Inbound()
    with inbound.expect("PACS", selection):
        assert not await inbound.offer(caller, instance(1))


async def test_nothing_is_expected_after_the_fetch() -> None:
    inbound = Inbound()
    with inbound.expect("PACS", STUDY):
        pass
    assert not await inbound.offer("PACS", instance(1))


async def test_an_offer_waits_while_the_fetch_is_full() -> None:
    inbound = Inbound()
    with inbound.expect("PACS", STUDY) as fetch:
        for number in range(QUEUE_SIZE):
            assert await inbound.offer("PACS", instance(number))
        async with asyncio.TaskGroup() as group:
            late = group.create_task(inbound.offer("PACS", instance(99)))
            await asyncio.sleep(0)
            assert not late.done()
            await fetch.take(None)
        assert late.result()


async def test_offers_that_wait_when_the_fetch_ends_are_refused() -> None:
    inbound = Inbound()
    async with asyncio.TaskGroup() as group:
        with inbound.expect("PACS", STUDY):
            for number in range(QUEUE_SIZE):
                await inbound.offer("PACS", instance(number))
            late = [group.create_task(inbound.offer("PACS", instance(number))) for number in (98, 99)]
            await asyncio.sleep(0)
    assert [task.result() for task in late] == [False, False]


async def test_copies_go_round_the_fetches_that_want_them() -> None:
    inbound = Inbound()
    with inbound.expect("PACS", STUDY) as first, inbound.expect("PACS", STUDY) as second:
        assert await inbound.offer("PACS", instance(1))
        assert await inbound.offer("PACS", instance(1))
        assert (first.received, second.received) == (1, 1)
        assert await inbound.offer("PACS", instance(1))
    assert (first.arrived, first.received) == (2, 1)


async def test_a_copy_with_other_bytes_is_told_and_dropped() -> None:
    inbound = Inbound()
    with inbound.expect("PACS", STUDY) as fetch:
        for copy in (instance(1), instance(1), replace(instance(1), data=MemoryBlob(b"other bytes"))):
            assert await inbound.offer("PACS", copy)
        assert await fetch.take(None) == instance(1)
        change = await fetch.take(None)
        assert isinstance(change, InstanceFailed)
        assert (change.sop_instance_uid, type(change.reason)) == (instance(1).sop_instance_uid, InstanceChanged)
        assert (fetch.arrived, fetch.received) == (3, 1)


async def test_notes_come_in_their_place_between_the_instances() -> None:
    inbound = Inbound()
    with inbound.expect("PACS", STUDY) as fetch:
        fetch.note(Total(1))
        await inbound.offer("PACS", instance(1))
        assert [await fetch.take(None), await fetch.take(None)] == [Total(1), instance(1)]


async def test_an_instance_that_could_not_be_taken_is_told_to_the_fetches_from_its_archive_only() -> None:
    inbound = Inbound()
    lost = InstanceFailed(sop_instance_uid="1.2.1.7", reason=MalformedInstance())
    with inbound.expect("PACS", STUDY) as waiting, inbound.expect("OTHER", STUDY) as other:
        inbound.refused("PACS", lost)
        assert await waiting.take(None) == lost
        with pytest.raises(TimeoutError):
            await other.take(0)


async def test_taking_from_an_idle_fetch_ends_at_its_deadline() -> None:
    with Inbound().expect("PACS", STUDY) as fetch, pytest.raises(TimeoutError):
        await fetch.take(0.0)


async def test_progress_is_an_arrival_since_last_asked_or_a_full_queue() -> None:
    inbound = Inbound()
    with inbound.expect("PACS", STUDY) as fetch:
        assert not fetch.has_progressed()
        await inbound.offer("PACS", instance(0))
        assert fetch.has_progressed()
        assert not fetch.has_progressed()
        for number in range(1, QUEUE_SIZE):
            await inbound.offer("PACS", instance(number))
        assert fetch.has_progressed()
        assert fetch.has_progressed()
