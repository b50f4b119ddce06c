"""Archives asked over real associations: Orthanc, dcmqrscp, and scripted ones for what those do not do."""

from __future__ import annotations

import asyncio
import gc
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import aclosing
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_MOVE
from pynetdicom.dsutils import encode

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.client import ArchiveClient
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.requests import FIND, MOVE
from idas_p2p.errors import ArchiveFailed, ArchiveUnreachable
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection, Total
from idas_p2p.wire.query import StudyQuery
from tests.dicom.archives import Archive, remote, serving, store_service
from tools.images import StudyFiles
from tools.programs import free_port, wait_until

EVERYTHING = StudyQuery.of({})
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")  # about what the shipped images hold


Client = Callable[..., ArchiveClient]


@pytest.fixture
def client(bridge: Bridge) -> Client:
    """Makes a client whose own store service does not run."""

    def make(archive: RemoteAE, inbound: Inbound | None = None, *, prefers_get: bool = False) -> ArchiveClient:
        return ArchiveClient(bridge, archive, inbound or Inbound(), prefers_get=prefers_get, straggler_timeout=1.0)

    return make


async def found_by(client: ArchiveClient, **limit: int) -> list[str]:
    """The UIDs of all studies, in the order of the answers."""
    return [study.study_uid async for study in client.find_studies(EVERYTHING, **limit)]


async def fetched(client: ArchiveClient) -> list[Any]:
    """Everything the fetch of a study that only scripts know brings."""
    return [event async for event in client.fetch(STUDY)]


async def retrieved(client: ArchiveClient, study: StudyFiles, **narrower: Any) -> tuple[list[Instance], list[Any]]:
    """The instances a fetch brings, and everything else it says."""
    events = [event async for event in client.fetch(Selection(study_uid=study.study_uid, **narrower))]
    return [e for e in events if isinstance(e, Instance)], [e for e in events if not isinstance(e, Instance)]


def decoded(instance: Instance) -> Dataset:
    syntax = pydicom.uid.UID(instance.transfer_syntax_uid)
    data = instance.data.read()
    if syntax.is_deflated:
        data = zlib.decompress(data, -zlib.MAX_WBITS)
    return read_dataset(DicomBytesIO(data), syntax.is_implicit_VR, syntax.is_little_endian)


def check_same(study: StudyFiles, instances: list[Instance]) -> None:
    """Every file came once, in its own transfer syntax, with its own values."""
    stored = {ds.SOPInstanceUID: ds for ds in map(pydicom.dcmread, study.files)}
    assert sorted(i.sop_instance_uid for i in instances) == sorted(stored)
    for instance in instances:
        file = stored[instance.sop_instance_uid]
        assert instance.transfer_syntax_uid == file.file_meta.TransferSyntaxUID
        assert instance.series_uid == file.SeriesInstanceUID
        assert decoded(instance).get("PixelData") == file.get("PixelData")


@pytest.mark.interop
async def test_an_archive_answers_an_echo(archive: Archive, client: Client) -> None:
    await client(archive.remote).echo()


@pytest.mark.interop
async def test_every_study_is_found_with_its_attributes(archive: Archive, client: Client) -> None:
    found = {study.study_uid: study async for study in client(archive.remote).find_studies(EVERYTHING)}
    assert found.keys() == {study.study_uid for study in archive.studies}
    study = found[archive.studies[0].study_uid]
    assert study.patient_name == "Müller^Jörg"
    assert (study.patient_id, study.study_date) == ("10101010101", "20170302")


@pytest.mark.interop
async def test_the_instances_of_a_study_are_listed(archive: Archive, client: Client) -> None:
    for study in archive.studies[:2]:
        files = [pydicom.dcmread(path, stop_before_pixels=True) for path in study.files]
        names = {(str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)) for ds in files}
        listed = await client(archive.remote).list_instances(study.study_uid)
        assert names <= set(listed)  # two shipped files of other tests may be of one study
        assert len(set(listed)) == len(listed)
    assert await client(archive.remote).list_instances("9.9.9") == []


@pytest.mark.interop
@pytest.mark.parametrize("keys", [{"StudyDate": "20170301-20170303"}, {"PatientID": "10101010101"}])
async def test_an_archive_narrows_by_key(archive: Archive, client: Client, keys: dict[str, str]) -> None:
    found = [study.study_uid async for study in client(archive.remote).find_studies(StudyQuery.of(keys))]
    assert found == [archive.studies[0].study_uid]


@pytest.mark.interop
@pytest.mark.parametrize("prefers_get", [False, True], ids=["move", "get"])
async def test_a_study_comes_whole_with_its_total(
    archive: Archive, client: Client, bridge: Bridge, *, prefers_get: bool
) -> None:
    inbound = Inbound()
    with store_service(bridge, inbound, port=archive.node_port):
        study = archive.studies[0]
        instances, others = await retrieved(client(archive.remote, inbound, prefers_get=prefers_get), study)
    check_same(study, instances)
    assert others[-1] == Total(len(study.files))


@pytest.mark.interop
@pytest.mark.parametrize(("name", "prefers_get"), [("orthanc", False), ("orthanc", True), ("dcmqrscp", True)])
async def test_compressed_images_come_in_their_own_transfer_syntax(
    request: pytest.FixtureRequest, client: Client, bridge: Bridge, name: str, prefers_get: bool
) -> None:
    archive: Archive = request.getfixturevalue(name)
    inbound = Inbound()
    asker = client(archive.remote, inbound, prefers_get=prefers_get)
    with store_service(bridge, inbound, port=archive.node_port):
        for study in archive.studies[1:]:
            instances, _ = await retrieved(asker, study)
            wanted = {pydicom.dcmread(path).SOPInstanceUID for path in study.files}
            check_same(study, [i for i in instances if i.sop_instance_uid in wanted])


@pytest.mark.interop
@pytest.mark.parametrize("prefers_get", [False, True], ids=["move", "get"])
async def test_one_series_or_one_image_of_a_study_can_be_fetched(
    archive: Archive, client: Client, bridge: Bridge, *, prefers_get: bool
) -> None:
    inbound = Inbound()
    asker = client(archive.remote, inbound, prefers_get=prefers_get)
    study = archive.studies[0]
    last = pydicom.dcmread(study.files[-1])
    with store_service(bridge, inbound, port=archive.node_port):
        series, _ = await retrieved(asker, study, series_uids=(str(last.SeriesInstanceUID),))
        image, _ = await retrieved(
            asker, study, series_uids=(str(last.SeriesInstanceUID),), sop_instance_uids=(str(last.SOPInstanceUID),)
        )
    assert len(series) == len(study.files) - 1
    assert [i.sop_instance_uid for i in image] == [last.SOPInstanceUID]


@pytest.mark.interop
@pytest.mark.parametrize("prefers_get", [False, True], ids=["move", "get"])
async def test_leaving_a_fetch_early_frees_the_archive_for_the_next(
    archive: Archive, client: Client, bridge: Bridge, *, prefers_get: bool
) -> None:
    inbound = Inbound()
    asker = client(archive.remote, inbound, prefers_get=prefers_get)
    study = archive.studies[0]
    with store_service(bridge, inbound, port=archive.node_port):
        async with aclosing(asker.fetch(Selection(study_uid=study.study_uid))) as events:
            async for event in events:
                if isinstance(event, Instance):
                    break
        instances, _ = await retrieved(asker, study)
    check_same(study, instances)


@pytest.mark.interop
async def test_two_fetches_of_one_study_both_get_all_of_it(archive: Archive, client: Client, bridge: Bridge) -> None:
    inbound = Inbound()
    asker = client(archive.remote, inbound)
    study = archive.studies[0]
    with store_service(bridge, inbound, port=archive.node_port):
        both = await asyncio.gather(retrieved(asker, study), retrieved(asker, study))
    for instances, _ in both:
        check_same(study, instances)


@pytest.mark.interop
async def test_an_unknown_move_destination_is_told_with_the_next_step(dcmqrscp: Archive, client: Client) -> None:
    stranger = remote(dcmqrscp.remote.aet, dcmqrscp.remote.address.port, calling="STRANGER")
    with pytest.raises(ArchiveFailed, match=r"0xA801.*add this node to the archive's list"):
        await retrieved(client(stranger), dcmqrscp.studies[0])


async def test_an_archive_that_is_down_is_unreachable(client: Client) -> None:
    with pytest.raises(ArchiveUnreachable, match="no connection"):
        await client(remote("NOBODY", free_port())).echo()


async def test_a_refusal_says_which_name_was_not_known(client: Client) -> None:
    with serving("PACS", [(FIND, None)], [], callers=["SOMEBODY"]) as port:
        with pytest.raises(ArchiveUnreachable, match="does not know the AE title this node calls with"):
            await found_by(client(remote("PACS", port)))
        with pytest.raises(ArchiveUnreachable, match="does not answer to this AE title"):
            await found_by(client(remote("OTHER", port, calling="SOMEBODY")))


async def test_an_archive_without_query_service_says_so(client: Client) -> None:
    with serving("PACS", [(MOVE, None)], []) as port, pytest.raises(ArchiveUnreachable, match="none of the services"):
        await found_by(client(remote("PACS", port)))


async def test_a_failed_query_names_its_status(client: Client) -> None:
    def fail(event: Any) -> Iterator[tuple[int, None]]:
        yield 0xA700, None

    with (
        serving("PACS", [(FIND, None)], [(evt.EVT_C_FIND, fail)]) as port,
        pytest.raises(ArchiveFailed, match="C-FIND ended with status 0xA700: it is out of resources"),
    ):
        await found_by(client(remote("PACS", port)))


def answering(count: int) -> Any:
    """A C-FIND handler with so many answers."""

    def find(event: Any) -> Iterator[tuple[int, Dataset]]:
        for number in range(count):
            answer = Dataset()
            answer.QueryRetrieveLevel = "STUDY"
            answer.StudyInstanceUID = f"1.2.{number + 1}"
            yield 0xFF00, answer

    return find


async def test_more_answers_than_the_limit_are_an_error_not_a_silent_cut(client: Client) -> None:
    with (
        serving("PACS", [(FIND, None)], [(evt.EVT_C_FIND, answering(20))]) as port,
        pytest.raises(ArchiveFailed, match="more than 10 studies"),
    ):
        await found_by(client(remote("PACS", port)), limit=10)


async def test_many_answers_come_in_order_through_a_slow_reader(client: Client) -> None:
    found = []
    with serving("PACS", [(FIND, None)], [(evt.EVT_C_FIND, answering(500))]) as port:
        async for study in client(remote("PACS", port)).find_studies(EVERYTHING):
            found.append(study.study_uid)
            if len(found) < 10:
                await asyncio.sleep(0)
    assert found == [f"1.2.{number + 1}" for number in range(500)]


async def test_leaving_a_query_early_cancels_it_at_the_archive(client: Client) -> None:
    left, cancelled = threading.Event(), threading.Event()

    def find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        yield from answering(3)(event)
        left.wait(5.0)
        wait_until(lambda: event.is_cancelled, timeout=5.0)
        cancelled.set()
        yield 0xFE00, None

    with serving("PACS", [(FIND, None)], [(evt.EVT_C_FIND, find)]) as port:
        async with aclosing(client(remote("PACS", port)).find_studies(EVERYTHING)) as studies:
            await anext(studies)
            left.set()
        assert cancelled.is_set()


async def test_only_one_query_runs_at_a_time(client: Client) -> None:
    running, most = 0, 0

    def find(event: Any) -> Iterator[tuple[int, None]]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        yield from answering(50)(event)
        running -= 1

    with serving("PACS", [(FIND, None)], [(evt.EVT_C_FIND, find)]) as port:
        asker = client(remote("PACS", port))

        async def count() -> int:
            return len([study async for study in asker.find_studies(EVERYTHING)])

        assert await asyncio.gather(count(), count(), count()) == [50, 50, 50]
    assert most == 1


async def test_an_archive_that_vanishes_in_the_middle_is_unreachable(client: Client) -> None:
    def find(event: Any) -> Iterator[tuple[int, Any]]:
        yield from answering(3)(event)
        event.assoc.abort()
        yield 0xFF00, Dataset()

    found = []

    async def keep(asker: ArchiveClient) -> None:
        async for study in asker.find_studies(EVERYTHING):
            found.append(study)

    with (
        serving("PACS", [(FIND, None)], [(evt.EVT_C_FIND, find)]) as port,
        pytest.raises(ArchiveUnreachable, match="closed the connection"),
    ):
        await keep(client(remote("PACS", port)))
    assert len(found) == 3


def moving(*responses: tuple[int, dict[str, int], list[str]]) -> Any:
    """A C-MOVE service that sends nothing and answers so: status, counters, failed UIDs."""

    def on_message(event: Any) -> None:
        if type(event.message).__name__ != "C_MOVE_RQ":
            return
        for status, counters, failed in responses:
            response = C_MOVE()
            response.MessageIDBeingRespondedTo = event.message.command_set.MessageID
            response.AffectedSOPClassUID = MOVE
            response.Status = status
            for name, count in counters.items():
                setattr(response, f"NumberOf{name}Suboperations", count)
            if failed:
                identifier = Dataset()
                identifier.FailedSOPInstanceUIDList = failed
                response.Identifier = BytesIO(encode(identifier, False, True) or b"")
            event.assoc.dimse.send_msg(response, event.message.context_id)

    return on_message


EXPLICIT = ["1.2.840.10008.1.2.1"]
STUDY = Selection(study_uid="1.2.3")


async def test_a_retrieval_that_brought_nothing_fails_with_its_status(client: Client) -> None:
    script = moving((0xB000, {"Completed": 0, "Failed": 3, "Warning": 0}, ["1.2.3.4", "1.2.3.5"]))
    with (
        serving("PACS", [(MOVE, EXPLICIT)], [(evt.EVT_DIMSE_RECV, script)]) as port,
        pytest.raises(ArchiveFailed, match="0xB000"),
    ):
        await fetched(client(remote("PACS", port)))


async def test_an_archive_that_sent_nothing_of_an_empty_study_ends_well(client: Client) -> None:
    script = moving((0x0000, {"Completed": 0, "Failed": 0, "Warning": 0}, []))
    with serving("PACS", [(MOVE, EXPLICIT)], [(evt.EVT_DIMSE_RECV, script)]) as port:
        assert await fetched(client(remote("PACS", port))) == [Total(0)]


async def test_instances_counted_but_never_arrived_are_an_error(client: Client) -> None:
    script = moving((0x0000, {"Completed": 2, "Failed": 0, "Warning": 0}, []))
    with (
        serving("PACS", [(MOVE, EXPLICIT)], [(evt.EVT_DIMSE_RECV, script)]) as port,
        pytest.raises(ArchiveFailed, match="2 instances it counts as sent did not arrive"),
    ):
        await fetched(client(remote("PACS", port)))


@pytest.mark.parametrize("failed", [["1.2.3.5", "1.2.3.6"], ["1.2.3.5"]], ids=["all named", "one unnamed"])
async def test_failed_instances_come_beside_those_that_arrived(
    client: Client, bridge: Bridge, failed: list[str]
) -> None:
    inbound = Inbound()
    instance = Instance(
        study_uid="1.2.3", series_uid="1.2.3.1", sop_class_uid="1.2", sop_instance_uid="1.2.3.4",
        transfer_syntax_uid=EXPLICIT[0], data=MemoryBlob(b""),
    )  # fmt: skip
    script = moving((0xB000, {"Completed": 1, "Failed": 2, "Warning": 0}, failed))

    def store_then_answer(event: Any) -> None:
        bridge.call(inbound.offer("PACS", instance))
        script(event)

    events = []
    refused = None
    with serving("PACS", [(MOVE, EXPLICIT)], [(evt.EVT_DIMSE_RECV, store_then_answer)]) as port:
        try:
            async for event in client(remote("PACS", port), inbound).fetch(STUDY):
                events.append(event)
        except ArchiveFailed as error:
            refused = error.detail
    assert [e.sop_instance_uid for e in events if isinstance(e, InstanceFailed)] == failed
    assert [e for e in events if isinstance(e, Instance)] == [instance]
    assert [e for e in events if isinstance(e, Total)][-1] == Total(3)
    assert refused == (None if len(failed) == 2 else "it could not send 1 instances, and does not say which")


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.mark.interop
async def test_a_large_instance_comes_by_get_through_a_file_that_goes_with_it(
    orthanc: Archive, bridge: Bridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idas_p2p.limits.MEMORY_INSTANCE_SIZE", 100_000)
    asker = ArchiveClient(bridge, orthanc.remote, Inbound(), prefers_get=True, receive_folder=tmp_path)
    study = orthanc.studies[0]
    instances, _ = await retrieved(asker, study)
    assert len(files_in(tmp_path)) == len(study.files)
    check_same(study, instances)
    del instances
    gc.collect()
    assert files_in(tmp_path) == []
