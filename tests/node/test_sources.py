from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.fastest import FastestArchive
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.scan import header_of
from idas_p2p.errors import NoSuchThing
from idas_p2p.node.folder_archive import FolderArchive
from idas_p2p.node.sources import EMBEDDED, EmbeddedArchive, Sources
from idas_p2p.store.database import Database
from idas_p2p.store.objects import ObjectStore, Stored
from idas_p2p.store.settings import Archive
from idas_p2p.wire.address import Address
from idas_p2p.wire.instance import Instance, Selection
from idas_p2p.wire.query import StudyQuery
from tests.directory.network import ManualClock
from tests.node.nodes import STUDY, data_of, make_instance, total_of

PACS = Archive(name="pacs", aet="PACS", address=Address("192.0.2.1", 104))
SHELF = Archive(name="shelf", kind="folder", folder="/srv/images")


@pytest.fixture
def objects(database: Database, tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects", database)


@pytest.fixture
def sources(objects: ObjectStore, tmp_path: Path, bridge: Bridge, clock: ManualClock) -> Sources:
    return Sources("IDAS", objects, bridge=bridge, inbound=Inbound(), receive_folder=tmp_path / "receive", clock=clock)


async def test_each_kind_of_archive_has_its_source(sources: Sources) -> None:
    sources.configure([PACS, SHELF])
    assert isinstance(sources.get("pacs"), FastestArchive)
    assert isinstance(sources.get("shelf"), FolderArchive)
    assert isinstance(sources.get(EMBEDDED), EmbeddedArchive)
    assert sources.get("nowhere") is None
    assert sources.archives() == [PACS, SHELF]


async def test_an_archive_asked_as_before_keeps_its_state_and_another_does_not(sources: Sources) -> None:
    sources.configure([PACS])
    before = sources.get("pacs")
    sources.configure([replace(PACS, poll_seconds=5.0), SHELF])
    assert sources.get("pacs") is before
    assert sources.archives()[0].poll_seconds == 5.0
    sources.configure([replace(PACS, prefer="get")])
    assert sources.get("pacs") is not before
    assert sources.get("shelf") is None


async def test_no_archive_takes_the_name_of_the_embedded_one(sources: Sources) -> None:
    sources.configure([replace(PACS, name=EMBEDDED), SHELF])
    assert isinstance(sources.get(EMBEDDED), EmbeddedArchive)
    assert sources.archives() == [SHELF]


async def test_the_embedded_archive_gives_what_was_stored(objects: ObjectStore, bridge: Bridge) -> None:
    archive, instance = EmbeddedArchive(objects, bridge), make_instance(1)
    header = header_of(instance.data, instance.transfer_syntax_uid)
    objects.put(instance, header.study, modality="CT", now=1.0)
    events = [event async for event in archive.fetch(Selection(study_uid=STUDY))]
    assert total_of(events) == 1
    assert data_of(events) == {instance.sop_instance_uid: instance.data.read()}
    assert [study.study_uid async for study in archive.find_studies(StudyQuery())] == [STUDY]
    assert await archive.list_instances(STUDY) == [(instance.series_uid, instance.sop_instance_uid)]


async def test_an_instance_replaced_while_it_is_sent_is_sent_as_it_was(objects: ObjectStore, bridge: Bridge) -> None:
    archive, instance = EmbeddedArchive(objects, bridge), make_instance(1)
    study = header_of(instance.data, instance.transfer_syntax_uid).study
    objects.put(instance, study, modality="CT", now=1.0)
    (sending,) = [event async for event in archive.fetch(Selection(study_uid=STUDY)) if isinstance(event, Instance)]
    other = make_instance(1, name="Other^Name")
    assert objects.put(other, study, modality="CT", now=2.0) is Stored.REPLACED
    assert sending.data.read() == instance.data.read()
    assert list(data_of([event async for event in archive.fetch(Selection(study_uid=STUDY))]).values()) == [
        other.data.read()
    ]


async def test_an_archive_is_a_dicom_device_where_it_speaks_dicom(sources: Sources, tmp_path: Path) -> None:
    context = ssl.create_default_context()
    plain = Archive(name="plain", aet="PLAIN", address=Address("192.0.2.1", 104))
    secure = Archive(name="secure", aet="SECURE", address=Address("192.0.2.1", 2762), tls=True)
    shelf = Archive(name="shelf", kind="folder", folder=str(tmp_path))
    sources.configure([plain, secure, shelf], context)
    assert sources.remote("plain").tls is None
    assert sources.remote("secure").tls is context
    for name in ("shelf", "nobody"):
        with pytest.raises(NoSuchThing):
            sources.remote(name)
