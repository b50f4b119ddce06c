"""DICOMweb archives: Orthanc with its plugin, and a scripted service for what Orthanc does not do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from aiohttp import web

from idas_p2p import limits
from idas_p2p.blob import FileBlob
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.client import ArchiveClient
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.part10 import read_part10
from idas_p2p.dicom.web import WebArchive
from idas_p2p.dicom.web_requests import WebService
from idas_p2p.errors import ArchiveFailed, InstanceChanged, MalformedInstance
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.query import StudyQuery
from tests.dicom.archives import Archive, store_service
from tests.dicom.test_client import check_same
from tests.dicom.test_part10 import shipped
from tests.dicom.web_service import Handler, answers, instances, web_service
from tools.orthanc import DICOMWEB_PLUGIN

STORED = read_part10(shipped("CT_small.dcm"))
STUDY = Selection(study_uid=STORED.study_uid)
FILE = shipped("CT_small.dcm").read_bytes()
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")  # about what the shipped images hold


@pytest.fixture
def pacs(orthanc: Archive) -> Archive:
    if not DICOMWEB_PLUGIN.exists():
        pytest.skip("Orthanc's DICOMweb plugin is not installed")
    return orthanc


def asker(url: str, bridge: Bridge, folder: Path) -> WebArchive:
    return WebArchive(WebService(url=url), bridge, receive_folder=folder)


async def events_of(archive: WebArchive, selection: Selection) -> list[RetrieveEvent]:
    return [event async for event in archive.fetch(selection)]


def instances_in(events: list[RetrieveEvent]) -> list[Instance]:
    return [event for event in events if isinstance(event, Instance)]


@pytest.mark.interop
async def test_orthanc_answers_an_echo(pacs: Archive, bridge: Bridge, tmp_path: Path) -> None:
    await asker(pacs.web_url, bridge, tmp_path).echo()


@pytest.mark.interop
async def test_every_study_is_found_with_the_attributes_that_c_find_gives(
    pacs: Archive, bridge: Bridge, tmp_path: Path
) -> None:
    by_web = asker(pacs.web_url, bridge, tmp_path).find_studies(StudyQuery())
    by_dicom = ArchiveClient(bridge, pacs.remote, Inbound(), prefers_get=False).find_studies(StudyQuery())
    found = {study.study_uid: study async for study in by_web}
    expected = {study.study_uid: study async for study in by_dicom}
    assert found == expected


@pytest.mark.interop
async def test_the_instances_of_a_study_are_listed_as_by_c_find(pacs: Archive, bridge: Bridge, tmp_path: Path) -> None:
    by_dicom = ArchiveClient(bridge, pacs.remote, Inbound(), prefers_get=False)
    for study in pacs.studies:
        listed = await asker(pacs.web_url, bridge, tmp_path).list_instances(study.study_uid)
        assert listed
        assert sorted(listed) == sorted(await by_dicom.list_instances(study.study_uid))


@pytest.mark.interop
async def test_a_search_narrows_by_date(pacs: Archive, bridge: Bridge, tmp_path: Path) -> None:
    query = StudyQuery.of({"StudyDate": "20170301-20170303"})
    found = [study.study_uid async for study in asker(pacs.web_url, bridge, tmp_path).find_studies(query)]
    assert found == [pacs.studies[0].study_uid]


@pytest.mark.interop
async def test_every_study_comes_whole_and_byte_for_byte_as_it_is_stored(
    pacs: Archive, bridge: Bridge, tmp_path: Path
) -> None:
    inbound = Inbound()
    mover = ArchiveClient(bridge, pacs.remote, inbound, prefers_get=False, straggler_timeout=1.0)
    with store_service(bridge, inbound, port=pacs.node_port):
        for study in pacs.studies:
            selection = Selection(study_uid=study.study_uid)
            first, *rest = await events_of(asker(pacs.web_url, bridge, tmp_path), selection)
            assert first == Total(len(study.files))
            came = {each.sop_instance_uid: each for each in instances_in(rest)}
            assert len(came) == len(rest) == len(study.files)
            for stored in map(read_part10, study.files):
                one = came[stored.sop_instance_uid]
                assert replace(one, data=stored.data) == stored
                assert one.data.read() == stored.data.read()
            moved = instances_in([event async for event in mover.fetch(selection)])
            check_same(study, moved)  # the same images; DCMTK, inside Orthanc, writes the lengths of sequences anew


@pytest.mark.interop
async def test_one_series_or_some_instances_can_be_fetched(pacs: Archive, bridge: Bridge, tmp_path: Path) -> None:
    study = pacs.studies[0]
    files = [pydicom.dcmread(path, stop_before_pixels=True) for path in study.files]
    series = str(files[0].SeriesInstanceUID)
    of_series = {file.SOPInstanceUID for file in files if file.SeriesInstanceUID == series}
    archive = asker(pacs.web_url, bridge, tmp_path)
    total, *events = await events_of(archive, Selection(study_uid=study.study_uid, series_uids=(series,)))
    assert total == Total(len(of_series))
    assert {each.sop_instance_uid for each in instances_in(events)} == of_series < {f.SOPInstanceUID for f in files}
    wanted = tuple(str(file.SOPInstanceUID) for file in (files[0], files[-1]))
    total, *events = await events_of(archive, Selection(study_uid=study.study_uid, sop_instance_uids=wanted))
    assert total == Total(2)
    assert sorted(each.sop_instance_uid for each in instances_in(events)) == sorted(wanted)


@pytest.mark.interop
async def test_an_instance_that_is_not_there_fails_alone(pacs: Archive, bridge: Bridge, tmp_path: Path) -> None:
    study = pacs.studies[0]
    there = str(pydicom.dcmread(study.files[0], stop_before_pixels=True).SOPInstanceUID)
    selection = Selection(study_uid=study.study_uid, sop_instance_uids=(there, "1.2.3"))
    total, failed, came = await events_of(asker(pacs.web_url, bridge, tmp_path), selection)
    assert total == Total(2)
    assert isinstance(failed, InstanceFailed)
    assert (failed.sop_instance_uid, came.sop_instance_uid) == ("1.2.3", there)  # type: ignore[union-attr]


@pytest.mark.interop
async def test_a_study_that_is_not_there_fails(pacs: Archive, bridge: Bridge, tmp_path: Path) -> None:
    with pytest.raises(ArchiveFailed, match="no such study"):
        await events_of(asker(pacs.web_url, bridge, tmp_path), Selection(study_uid="1.2.3"))


@pytest.mark.interop
async def test_what_outgrows_memory_comes_as_a_file_that_goes_with_its_reader(
    pacs: Archive, bridge: Bridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMORY_INSTANCE_SIZE", 100_000)
    study = pacs.studies[0]
    async with aclosing(asker(pacs.web_url, bridge, tmp_path).fetch(Selection(study_uid=study.study_uid))) as events:
        async for event in events:
            if isinstance(event, Instance) and isinstance(event.data, FileBlob):
                (stored,) = [p for p in study.files if pydicom.dcmread(p).SOPInstanceUID == event.sop_instance_uid]
                assert event.data.read() == read_part10(stored).data.read()
                break
        else:
            pytest.fail("no instance came in a file")
    del event
    assert os.listdir(tmp_path) == []


def scripted(count: int | None, answer: web.Response) -> Handler:
    """A service that counts so many instances in the study, and answers a retrieval so."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/studies"):
            counted = {} if count is None else {"00201208": [count]}
            return answers({"0020000D": [STUDY.study_uid], **counted})
        assert request.headers["Accept"] == 'multipart/related; type="application/dicom"; transfer-syntax=*'
        return answer

    return handler


async def test_a_part_that_is_no_dicom_file_costs_itself(bridge: Bridge, tmp_path: Path) -> None:
    async with web_service(scripted(3, instances([b"junk", FILE, b"more junk"]))) as url:
        total, first, good, last = await events_of(asker(url, bridge, tmp_path), STUDY)
    assert total == Total(3)
    assert good == STORED or good.data.read() == STORED.data.read()  # type: ignore[union-attr]
    for failed in (first, last):
        assert isinstance(failed, InstanceFailed)
        assert isinstance(failed.reason, MalformedInstance)


async def test_an_instance_sent_twice_comes_once(bridge: Bridge, tmp_path: Path) -> None:
    async with web_service(scripted(1, instances([FILE, FILE]))) as url:
        assert len(instances_in(await events_of(asker(url, bridge, tmp_path), STUDY))) == 1


async def test_an_instance_sent_twice_with_other_bytes_is_said(bridge: Bridge, tmp_path: Path) -> None:
    other = FILE[:-1] + bytes([FILE[-1] ^ 1])
    async with web_service(scripted(1, instances([FILE, other]))) as url:
        events = await events_of(asker(url, bridge, tmp_path), STUDY)
    assert [one.data.read() for one in instances_in(events)] == [STORED.data.read()]
    assert [type(one.reason) for one in events if isinstance(one, InstanceFailed)] == [InstanceChanged]
    assert [one for one in events if isinstance(one, Total)] == [Total(1)]


async def test_an_archive_that_counts_nothing_is_believed_as_it_sends(bridge: Bridge, tmp_path: Path) -> None:
    async with web_service(scripted(None, instances([FILE]))) as url:
        events = await events_of(asker(url, bridge, tmp_path), STUDY)
    assert events[0] == Total(1)
    assert len(events) == 2


def failing() -> Iterator[tuple[str, Handler, str]]:
    yield "cut", scripted(2, instances([FILE, FILE], cut=len(FILE) + 500)), "broke off"
    yield "fewer", scripted(3, instances([FILE])), "2 instances it counts"
    yield "none", scripted(None, instances([])), "sent nothing"
    yield "page", scripted(1, web.Response(text="<html>log in</html>", content_type="text/html")), "multipart"


@pytest.mark.parametrize("index", range(4))
async def test_a_retrieval_that_is_not_whole_fails_and_leaves_nothing(
    bridge: Bridge, tmp_path: Path, index: int
) -> None:
    _, handler, words = list(failing())[index]
    async with web_service(handler) as url:
        with pytest.raises(ArchiveFailed, match=words):
            await events_of(asker(url, bridge, tmp_path), STUDY)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("uid", ["../secrets", "1.2/series", "1.2?x=y", "%2e%2e", "", "..", "1.2#"])
async def test_a_uid_that_would_be_another_path_is_not_asked_for(bridge: Bridge, tmp_path: Path, uid: str) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return answers()

    async with web_service(handler) as url:
        with pytest.raises(ArchiveFailed):
            await events_of(asker(url, bridge, tmp_path), Selection(study_uid=uid))
    assert asked == []


async def test_more_studies_than_the_limit_are_refused_after_it(bridge: Bridge, tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        return answers(*({"0020000D": [f"1.{number}"]} for number in range(3)), {"0020000D": [""]})

    async with web_service(handler) as url:
        archive = asker(url, bridge, tmp_path)
        assert len([study async for study in archive.find_studies(StudyQuery())]) == 3
        with pytest.raises(ArchiveFailed, match="more than 2"):
            [study async for study in archive.find_studies(StudyQuery(), limit=2)]
