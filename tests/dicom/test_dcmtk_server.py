"""DCMTK as workstation against our server, real processes on real sockets."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from idas_p2p.dicom.part10 import read_part10
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.wire.address import Address
from idas_p2p.wire.instance import Instance, Total
from idas_p2p.wire.study import Study
from tests.dicom.memory_node import MemoryNode, Served, brings, make_instance, serving

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("echoscu") is None, reason="DCMTK is not installed: apt install dcmtk"),
]

TRAILING_PADDING = b"\xfc\xff\xfc\xff"  # tag (FFFC,FFFC)
NAMES = ("CT_small.dcm", "MR_small.dcm")


STUDY = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3")


def images() -> list[Instance]:
    return [read_part10(Path(str(get_testdata_file(name)))) for name in NAMES]


async def dcmtk(
    served: Served, program: str, *arguments: str, folder: Path, called: str = "NODE", options: tuple[str, ...] = ()
) -> tuple[int, str]:
    """Run a DCMTK tool against the server; its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        program,
        *("-v", "-aet", "WORKSTATION", "-aec", called, *options),
        served.address.host,
        str(served.address.port),
        *arguments,
        cwd=folder,
        env={**os.environ, "TCP_NODELAY": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode(errors="replace")


async def test_echoscu_is_answered_and_told_when_it_calls_somebody_else(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path / "receive") as served:
        assert (await dcmtk(served, "echoscu", folder=tmp_path))[0] == 0
        status, said = await dcmtk(served, "echoscu", folder=tmp_path, called="OTHER")
    assert status != 0
    assert "Called AE Title Not Recognized" in said


async def test_findscu_lists_studies_with_their_names(tmp_path: Path) -> None:
    study = Study(study_uid="1.2.3", patient_name="Buc^Jérôme", patient_id="4711", study_date="20200101")
    async with serving(MemoryNode(studies=[study]), tmp_path / "receive") as served:
        keys = ("QueryRetrieveLevel=STUDY", "PatientName=B*", "PatientID", "StudyInstanceUID", "StudyDate=20200101-")
        arguments = [part for key in keys for part in ("-k", key)]
        status, said = await dcmtk(served, "findscu", "-S", "-X", *arguments, folder=tmp_path)
    assert status == 0, said
    found = dcmread(tmp_path / "rsp0001.dcm", force=True)
    assert (str(found.PatientName), found.PatientID, found.RetrieveAETitle) == ("Buc^Jérôme", "4711", "NODE")


async def test_storescu_stores_what_arrives_byte_for_byte(tmp_path: Path) -> None:
    node = MemoryNode()
    paths = [str(get_testdata_file(name)) for name in NAMES]
    async with serving(node, tmp_path / "receive") as served:
        status, said = await dcmtk(served, "storescu", *paths, folder=tmp_path)
    assert status == 0, said
    sent = {instance.sop_instance_uid: instance for instance in images()}
    assert len(node.stored) == len(NAMES)
    for stored in node.stored:
        original = sent[stored.sop_instance_uid]
        assert (stored.study_uid, stored.series_uid) == (original.study_uid, original.series_uid)
        assert stored.transfer_syntax_uid == original.transfer_syntax_uid
        assert stored.data.read() == original.data.read(0, stored.data.size)
        assert original.data.read(stored.data.size, 4) in {b"", TRAILING_PADDING}  # storescu leaves that out


async def test_storescu_tells_who_uses_it_and_hears_that_it_was_understood(tmp_path: Path) -> None:
    node = MemoryNode()
    identity = ("-usr", "zoe", "-pwd", "sesame", "-rsp")
    path = str(get_testdata_file(NAMES[0]))
    async with serving(node, tmp_path / "receive") as served:
        status, said = await dcmtk(served, "storescu", path, folder=tmp_path, options=identity)
    assert status == 0, said
    assert (node.callers[0].user_name, node.callers[0].password) == ("zoe", "sesame")


async def test_movescu_receives_a_study_at_its_own_port(tmp_path: Path) -> None:
    (tmp_path / "got").mkdir()
    port = _free_port()
    remote = RemoteAE(aet="WORKSTATION", address=Address("127.0.0.1", port), calling_aet="NODE")
    node = MemoryNode(events=brings(*images()), destinations={"WORKSTATION": remote})
    async with serving(node, tmp_path / "receive") as served:
        arguments = ("-S", "-aem", "WORKSTATION", "+P", str(port), "-od", str(tmp_path / "got"), *STUDY)
        status, said = await dcmtk(served, "movescu", *arguments, folder=tmp_path)
    assert status == 0, said
    _check_received(tmp_path / "got", said)


async def test_getscu_receives_a_study_over_its_own_association(tmp_path: Path) -> None:
    (tmp_path / "got").mkdir()
    async with serving(MemoryNode(events=brings(*images())), tmp_path / "receive") as served:
        arguments = (
            "-S",
            "-od",
            str(tmp_path / "got"),
            "-k",
            "QueryRetrieveLevel=STUDY",
            "-k",
            "StudyInstanceUID=1.2.3",
        )
        status, said = await dcmtk(served, "getscu", *arguments, folder=tmp_path)
    assert status == 0, said
    _check_received(tmp_path / "got", said)


async def test_getscu_hears_of_instances_that_failed(tmp_path: Path) -> None:
    events = [Total(2), make_instance(1)]
    async with serving(MemoryNode(events=events), tmp_path / "receive") as served:
        _, said = await dcmtk(served, "getscu", "-S", *STUDY, folder=tmp_path)
    assert "Warning" in said or "0xb000" in said.lower(), said


def _check_received(folder: Path, said: str) -> None:
    """Every image is there; DCMTK rewrites files, so pixels and names are compared."""
    got = {dataset.SOPInstanceUID: dataset for dataset in map(dcmread, sorted(folder.iterdir()))}
    assert len(got) == len(NAMES), said
    for name in NAMES:
        original = dcmread(str(get_testdata_file(name)))
        assert got[original.SOPInstanceUID].PixelData == original.PixelData


def _free_port() -> int:
    """A port nobody listens on, as far as one can know."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
