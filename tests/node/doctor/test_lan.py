"""Archives and workstations, told apart by what is wrong with each."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.ways import Way
from idas_p2p.errors import ArchiveFailed, IdasError, MoveDestinationUnknown
from idas_p2p.node.doctor.lan import connect, examine_archive
from idas_p2p.store.configured import Archive
from idas_p2p.wire.address import Address
from idas_p2p.wire.instance import InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tests.node.nodes import make_instance
from tools.programs import LOOPBACK, free_port

WEB = Archive(name="web", kind="dicomweb", dicomweb="http://127.0.0.1:9/x")
IMAGE = make_instance(1)
FAILED = InstanceFailed(sop_instance_uid="1.2", reason=ArchiveFailed("too large"))


class Scripted:
    """An archive that answers with what the test says."""

    def __init__(
        self, *events: RetrieveEvent | IdasError, names: tuple[tuple[str, str], ...] = (("1.2", "1.2.3"),)
    ) -> None:
        self._events, self._names = events, list(names)

    async def find_studies(self, query: StudyQuery) -> AsyncIterator[Study]:
        for _ in self._names:
            yield Study(study_uid="1.2.3")

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        return self._names

    async def fetch(self, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        for event in self._events:
            if isinstance(event, IdasError):
                raise event
            yield event


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (Scripted(Total(1), IMAGE), ""),
        (Scripted(Total(1), FAILED), "web_fails"),
        (Scripted(Total(0)), "web_fails"),
        (Scripted(ArchiveFailed("no")), "web_fails"),
        (Scripted(MoveDestinationUnknown("0xA801")), "archive_knows_no_destination"),
        (Scripted(names=()), "archive_empty"),
    ],
)
async def test_what_comes_of_asking_for_one_image_decides(bridge: Bridge, source: Scripted, name: str) -> None:
    found = await examine_archive(WEB, {Way.WEB: source}, aet="IDAS", run=bridge.run, can_receive=False)
    assert [one.name for one in found] == [name]


async def test_a_folder_must_be_readable(bridge: Bridge, tmp_path: Path) -> None:
    for folder, name in ((tmp_path, ""), (tmp_path / "gone", "folder_unreadable")):
        archive = Archive(name="shelf", kind="folder", folder=str(folder))
        found = await examine_archive(archive, {}, aet="IDAS", run=bridge.run, can_receive=False)
        assert [one.name for one in found] == [name]


async def test_an_address_is_told_apart_by_why_no_connection_comes_about() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        assert await connect(Address(*server.getsockname())) is None
    for address, name in ((Address(LOOPBACK, free_port()), "closed"), (Address("pacs.invalid", 104), "unknown_host")):
        fault = await connect(address)
        assert fault is not None
        assert fault[0] == name
