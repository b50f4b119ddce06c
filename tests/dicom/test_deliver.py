from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest
from pynetdicom.association import Association

from idas_p2p import limits
from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.deliver import deliver
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.retrieve import DeliveryReport
from idas_p2p.errors import ArchiveFailed, DestinationFailed, DestinationUnreachable
from idas_p2p.wire.address import Address
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Total
from tests.dicom.memory_node import CT, EXPLICIT, IMPLICIT, SECONDARY_CAPTURE, brings, make_instance
from tests.dicom.workstation import Workstation

JPEG_LS = "1.2.840.10008.1.2.4.80"


@pytest.fixture
async def bridge() -> AsyncIterator[Bridge]:
    made = Bridge(threads=4)
    yield made
    await made.close()


async def source(events: Sequence[RetrieveEvent | Exception]) -> AsyncIterator[RetrieveEvent]:
    for event in events:
        if isinstance(event, Exception):
            raise event
        yield event


async def delivered(
    bridge: Bridge, remote: RemoteAE, events: Sequence[RetrieveEvent | Exception]
) -> tuple[DeliveryReport, list[DeliveryReport]]:
    progress: list[DeliveryReport] = []
    report = await deliver(bridge, remote, source(events), on_progress=progress.append, originator=("WS", 9))
    return report, progress


ALL = {CT: [EXPLICIT, IMPLICIT], SECONDARY_CAPTURE: [EXPLICIT, IMPLICIT]}


async def test_every_instance_arrives_byte_for_byte_over_one_association(bridge: Bridge) -> None:
    workstation, instances = Workstation(), [make_instance(n, size=200_000) for n in range(5)]
    with workstation.listening(ALL) as remote:
        report, progress = await delivered(bridge, remote, brings(*instances))
    assert report == DeliveryReport(total=5, completed=5, bytes=sum(i.data.size for i in instances))
    assert [step.completed for step in progress] == [0, 1, 2, 3, 4, 5]
    assert workstation.received == {i.sop_instance_uid: i.data.read() for i in instances}
    assert workstation.associations == 1
    assert set(workstation.originators) == {("WS", 9)}


async def test_statuses_decide_what_is_delivered_warned_about_and_failed(bridge: Bridge) -> None:
    workstation = Workstation(statuses={"1.2.3.4.1": 0xB000, "1.2.3.4.2": 0xA700})
    with workstation.listening(ALL) as remote:
        report, _ = await delivered(bridge, remote, brings(*(make_instance(n) for n in range(4))))
    assert (report.completed, report.warning, report.failed) == (2, 1, 1)
    assert report.failed_uids == ("1.2.3.4.2",)


async def test_a_new_kind_of_object_in_mid_stream_gets_a_new_association(bridge: Bridge) -> None:
    workstation = Workstation()
    mixed = [make_instance(1), make_instance(2, sop_class=SECONDARY_CAPTURE), make_instance(3), make_instance(4)]
    with workstation.listening(ALL) as remote:
        report, _ = await delivered(bridge, remote, brings(*mixed))
    assert report.completed == 4
    assert workstation.associations == 2


async def test_a_kind_that_is_not_accepted_fails_and_the_others_arrive(bridge: Bridge) -> None:
    workstation = Workstation()
    mixed = [make_instance(1, sop_class=SECONDARY_CAPTURE), make_instance(2), make_instance(3, sop_class="1.2.840.9")]
    with workstation.listening({CT: [EXPLICIT]}) as remote:
        report, _ = await delivered(bridge, remote, brings(*mixed))
    assert (report.completed, report.failed_uids) == (1, ("1.2.3.4.1", "1.2.3.4.3"))


async def test_the_stored_syntax_is_used_when_accepted(bridge: Bridge) -> None:
    workstation = Workstation()
    with workstation.listening(ALL) as remote:
        await delivered(bridge, remote, brings(make_instance(1, implicit=True), make_instance(2)))
    assert workstation.syntaxes == [IMPLICIT, EXPLICIT]


async def test_another_syntax_is_used_when_the_stored_one_is_not_accepted(bridge: Bridge) -> None:
    workstation = Workstation()
    with workstation.listening({CT: [IMPLICIT]}) as remote:
        report, _ = await delivered(bridge, remote, brings(make_instance(1)))
    assert report.completed == 1
    assert workstation.received["1.2.3.4.1"] == make_instance(1, implicit=True).data.read()


async def test_an_instance_that_cannot_be_converted_fails(bridge: Bridge) -> None:
    made = make_instance(1)
    broken = Instance(
        study_uid="1",
        series_uid="2",
        sop_class_uid=CT,
        sop_instance_uid="1.9",
        transfer_syntax_uid=JPEG_LS,
        data=made.data,
    )
    with Workstation().listening(ALL) as remote:
        report, _ = await delivered(bridge, remote, brings(broken, made))
    assert (report.completed, report.failed_uids) == (1, ("1.9",))


async def test_what_the_source_could_not_bring_is_counted_by_name(bridge: Bridge) -> None:
    failed = InstanceFailed(sop_instance_uid="1.7", reason=ArchiveFailed())
    with Workstation().listening(ALL) as remote:
        report, _ = await delivered(bridge, remote, brings(make_instance(1), failed))
    assert (report.total, report.completed, report.failed, report.failed_uids) == (2, 1, 1, ("1.7",))


async def test_what_was_promised_and_never_came_has_failed(bridge: Bridge) -> None:
    with Workstation().listening(ALL) as remote:
        report, _ = await delivered(bridge, remote, [Total(3), make_instance(1)])
    assert (report.completed, report.failed, report.failed_uids) == (1, 2, ())


async def test_a_lost_association_is_replaced_once(bridge: Bridge) -> None:
    workstation = Workstation()
    with workstation.listening(ALL) as remote:
        go = asyncio.Event()

        async def events() -> AsyncIterator[RetrieveEvent]:
            yield Total(2)
            yield make_instance(1)
            await go.wait()
            yield make_instance(2)

        def on_progress(report: DeliveryReport) -> None:
            if report.completed == 1:
                for thread in threading.enumerate():
                    if isinstance(thread, Association) and thread.is_acceptor:
                        thread.abort()
                go.set()

        report = await deliver(bridge, remote, events(), on_progress=on_progress)
    assert report.completed == 2
    assert workstation.associations == 2


async def test_a_destination_that_aborts_instead_of_answering_has_failed(bridge: Bridge) -> None:
    with Workstation(aborts_at=2).listening(ALL) as remote:
        progress: list[DeliveryReport] = []
        events = source(brings(*(make_instance(n) for n in range(3))))
        with pytest.raises(DestinationFailed):
            await deliver(bridge, remote, events, on_progress=progress.append)
    assert progress[-1].completed == 1


async def test_nobody_listening_is_unreachable(bridge: Bridge) -> None:
    with Workstation().listening(ALL) as remote:
        pass
    with pytest.raises(DestinationUnreachable):
        await delivered(bridge, remote, brings(make_instance(1)))


async def test_a_host_name_that_means_nothing_is_unreachable(bridge: Bridge) -> None:
    remote = RemoteAE(aet="WS", address=Address("no-such-host.invalid", 104), calling_aet="NODE")
    with pytest.raises(DestinationUnreachable):
        await delivered(bridge, remote, brings(make_instance(1)))


async def test_a_destination_at_its_limit_is_asked_again(bridge: Bridge) -> None:
    workstation = Workstation(limit=1)
    with workstation.listening(ALL) as remote:
        batches = ([make_instance(n, size=500_000) for n in range(start, start + 5)] for start in (0, 10, 20))
        reports = await asyncio.gather(*(delivered(bridge, remote, brings(*batch)) for batch in batches))
    assert [report.completed for report, _ in reports] == [5, 5, 5]
    assert len(workstation.received) == 15


async def test_a_destination_of_another_title_has_refused(bridge: Bridge) -> None:
    with Workstation().listening(ALL) as remote:
        other = RemoteAE(aet="OTHER", address=remote.address, calling_aet="NODE")
        with pytest.raises(DestinationFailed):
            await delivered(bridge, other, brings(make_instance(1)))


@pytest.mark.parametrize("error", [ArchiveFailed("x"), RuntimeError("bug")], ids=["named", "bug"])
async def test_what_the_source_raises_comes_after_what_it_brought(bridge: Bridge, error: Exception) -> None:
    workstation = Workstation()
    with workstation.listening(ALL) as remote, pytest.raises(type(error)):
        await delivered(bridge, remote, [Total(2), make_instance(1), error])
    assert len(workstation.received) == 1


async def test_no_association_is_made_when_there_is_nothing_to_send(bridge: Bridge) -> None:
    workstation = Workstation()
    with workstation.listening(ALL) as remote:
        report, _ = await delivered(bridge, remote, [Total(0)])
    assert (report.total, workstation.associations) == (0, 0)


async def test_the_source_is_pulled_no_faster_than_the_destination_takes(bridge: Bridge) -> None:
    pulled: list[int] = []
    lead: list[int] = []

    async def events() -> AsyncIterator[RetrieveEvent]:
        yield Total(30)
        for number in range(30):
            pulled.append(number)
            yield make_instance(number)

    with Workstation().listening(ALL) as remote:
        await deliver(bridge, remote, events(), on_progress=lambda report: lead.append(len(pulled) - report.completed))
    assert max(lead) <= 4


async def test_cancelling_closes_the_source_and_counts_the_instance_in_flight(bridge: Bridge) -> None:
    closed = asyncio.Event()
    latest = DeliveryReport()

    async def events() -> AsyncIterator[RetrieveEvent]:
        try:
            yield Total(100)
            for number in range(100):
                yield make_instance(number)
                if number == 5:
                    await asyncio.Event().wait()
        finally:
            closed.set()

    def on_progress(report: DeliveryReport) -> None:
        nonlocal latest
        latest = report
        if report.completed == 3:
            asyncio.get_running_loop().call_soon(task.cancel)

    workstation = Workstation()
    with workstation.listening(ALL) as remote:
        task = asyncio.get_running_loop().create_task(deliver(bridge, remote, events(), on_progress=on_progress))
        with pytest.raises(asyncio.CancelledError):
            await task
    assert closed.is_set()
    assert latest.completed == len(workstation.received)


async def test_cancelling_does_not_wait_for_a_destination_that_hangs(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idas_p2p.dicom.deliver.CANCEL_TIMEOUT", 0.05)
    workstation = Workstation(hold=threading.Event())
    with workstation.listening(ALL) as remote:
        events = source(brings(make_instance(1)))
        task = asyncio.get_running_loop().create_task(deliver(bridge, remote, events, on_progress=lambda _: None))
        await bridge.run(workstation.asked.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(10):
                await task
        workstation.hold.set()  # type: ignore[union-attr]


async def test_a_large_instance_is_read_piece_by_piece(bridge: Bridge) -> None:
    largest = 0

    class Watched(MemoryBlob):
        def read(self, offset: int = 0, length: int | None = None) -> bytes:
            nonlocal largest
            largest = max(largest, self.size if length is None else length)
            return MemoryBlob.read(self, offset, length)

    made = make_instance(1, size=8_000_000)
    large = Instance(
        study_uid="1",
        series_uid="2",
        sop_class_uid=CT,
        sop_instance_uid=made.sop_instance_uid,
        transfer_syntax_uid=EXPLICIT,
        data=Watched(made.data.read()),
    )
    workstation = Workstation()
    with workstation.listening(ALL) as remote:
        await delivered(bridge, remote, brings(large))
    assert workstation.received[made.sop_instance_uid] == made.data.read()
    assert largest <= 1_048_576 < limits.MEMORY_INSTANCE_SIZE
