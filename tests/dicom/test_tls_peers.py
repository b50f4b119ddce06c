"""DICOM over TLS with others' programs in both roles: pynetdicom and DCMTK."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.client import ArchiveClient
from idas_p2p.dicom.deliver import deliver
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.retrieve import DeliveryReport
from idas_p2p.dicom.tls import Tls, load_tls
from idas_p2p.errors import ArchiveUnreachable, DestinationUnreachable
from idas_p2p.wire.address import Address
from idas_p2p.wire.instance import Instance, RetrieveEvent
from tests.dicom.certificates import Authority, fingerprint
from tests.dicom.memory_node import CT, EXPLICIT, MemoryNode, Served, brings, make_instance, serving
from tests.dicom.test_store_service import send
from tools.dcmtk import find_program
from tools.programs import Program, answers, free_port

VERIFICATION = "1.2.840.10008.1.1"
needs_dcmtk = pytest.mark.skipif(shutil.which("storescu") is None, reason="DCMTK is not installed: apt install dcmtk")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def node_tls(authority: Authority) -> Tls:
    return load_tls(authority.issue("node"), authority.path)


@asynccontextmanager
async def serving_tls(node: MemoryNode, folder: Path, tls: Tls) -> AsyncIterator[Served]:
    """A server with a second door, which this leads to."""
    async with serving(node, folder / "receive") as served:
        address = await served.server.start(Address("127.0.0.1", 0), tls=tls.server)
        yield replace(served, address=address)


def echo(link: Association) -> bool:
    return link.is_established and link.send_c_echo().Status == 0x0000


def workstation_tls(authority: Authority, *, name: str = "") -> tuple[ssl.SSLContext, str]:
    """What a workstation's program gives to pynetdicom."""
    context = ssl.create_default_context(cafile=str(authority.path))
    if name:
        context.load_cert_chain(authority.issue(name))
    return context, "127.0.0.1"


async def test_a_workstation_is_served_over_tls_and_known_by_its_certificate(
    authority: Authority, node_tls: Tls, tmp_path: Path
) -> None:
    node, instance = MemoryNode(), make_instance(1, size=3_000_000)
    async with serving_tls(node, tmp_path, node_tls) as served:
        with_one, without = workstation_tls(authority, name="viewer"), workstation_tls(authority)
        answer = await served.workstation([build_context(CT, [EXPLICIT])], send(instance), tls_args=with_one)
        assert answer.Status == 0x0000  # type: ignore[attr-defined]
        assert await served.workstation([VERIFICATION], echo, tls_args=without)
    assert node.stored[0].data.read() == instance.data.read()
    assert [caller.certificate for caller in node.callers] == [fingerprint(tmp_path / "viewer.pem"), ""]


async def test_where_certificates_are_required_nobody_is_served_without(authority: Authority, tmp_path: Path) -> None:
    tls = load_tls(authority.issue("node"), authority.path, requires_certificates=True)
    async with serving_tls(MemoryNode(), tmp_path, tls) as served:
        assert await served.workstation([VERIFICATION], echo, tls_args=workstation_tls(authority, name="viewer"))
        with pytest.raises(Exception):  # noqa: B017, PT011 - pynetdicom has no socket then, and says so in its own way
            assert await served.workstation([VERIFICATION], echo, tls_args=workstation_tls(authority))


async def test_a_program_that_speaks_no_tls_is_hung_up_on_and_the_next_is_served(
    authority: Authority, node_tls: Tls, tmp_path: Path
) -> None:
    async with serving_tls(MemoryNode(), tmp_path, node_tls) as served:
        reader, writer = await asyncio.open_connection(served.address.host, served.address.port)
        writer.write(b"\x01\x00" + bytes(200))
        async with asyncio.timeout(30):
            assert b"DICOM" not in await reader.read()
        writer.close()
        assert await served.workstation([VERIFICATION], echo, tls_args=workstation_tls(authority))


async def test_this_node_calls_archives_over_tls_and_says_why_it_cannot(
    authority: Authority, node_tls: Tls, tmp_path: Path
) -> None:
    stranger = load_tls(None, Authority(tmp_path, "stranger").path)
    async with serving_tls(MemoryNode(), tmp_path, node_tls) as served:
        remote = RemoteAE(aet="NODE", address=served.address, calling_aet="WORKSTATION", tls=node_tls.client)
        await ArchiveClient(served.bridge, remote, Inbound(), prefers_get=True).echo()
        other = ArchiveClient(served.bridge, replace(remote, tls=stranger.client), Inbound(), prefers_get=True)
        with pytest.raises(ArchiveUnreachable, match="certificate is not accepted"):
            await other.echo()


@pytest.mark.interop
@needs_dcmtk
async def test_storescu_sends_over_tls(authority: Authority, node_tls: Tls, tmp_path: Path) -> None:
    node, instance = MemoryNode(), make_instance(1, size=600_000)
    viewer = str(authority.issue("viewer"))
    file = tmp_path / "image.dcm"
    file.write_bytes(instance.data.read())  # without preamble, which storescu takes too
    async with serving_tls(node, tmp_path, node_tls) as served:
        process = await asyncio.create_subprocess_exec(
            *(find_program("storescu") or "storescu", "-v", "-aet", "WORKSTATION", "-aec", "NODE"),
            *("+tls", viewer, viewer, "+cf", str(authority.path), served.address.host, str(served.address.port)),
            str(file),
            env={**os.environ, "TCP_NODELAY": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
    assert process.returncode == 0, said.decode(errors="replace")
    assert [one.sop_instance_uid for one in node.stored] == [instance.sop_instance_uid]
    assert node.callers[0].certificate == fingerprint(tmp_path / "viewer.pem")


@pytest.mark.interop
@needs_dcmtk
async def test_storescp_receives_over_tls(authority: Authority, node_tls: Tls, tmp_path: Path, bridge: Bridge) -> None:
    port, viewer = free_port(), str(authority.issue("viewer"))
    received = tmp_path / "received"
    received.mkdir()
    command = [
        *(find_program("storescp") or "storescp", "-v", "+B", "-aet", "VIEWER", "-od", str(received)),
        *("+tls", viewer, viewer, "+cf", str(authority.path), "-rc", str(port)),
    ]
    remote = RemoteAE(aet="VIEWER", address=Address("127.0.0.1", port), calling_aet="NODE", tls=node_tls.client)
    with Program("storescp", command, log=tmp_path / "logs", env={"TCP_NODELAY": "1"}) as program:
        program.start(lambda: answers(port))
        report = await delivered(bridge, remote, [make_instance(1, size=3_000_000), make_instance(2)])
        with pytest.raises(DestinationUnreachable):
            await delivered(bridge, replace(remote, tls=None), [make_instance(1)])
    assert (report.completed, len(list(received.iterdir()))) == (2, 2)


async def delivered(bridge: Bridge, remote: RemoteAE, instances: list[Instance]) -> DeliveryReport:
    async def events() -> AsyncIterator[RetrieveEvent]:
        for event in brings(*instances):
            yield event

    return await deliver(bridge, remote, events(), on_progress=lambda _: None)
