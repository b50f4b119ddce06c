from __future__ import annotations

import asyncio
import logging
import socket
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.server import DicomServer
from idas_p2p.errors import ArchiveFailed, BadConfiguration
from idas_p2p.wire.address import Address
from idas_p2p.wire.instance import Total
from idas_p2p.wire.study import Study
from tests.dicom.memory_node import CT, EXPLICIT, STUDY_FIND, STUDY_MOVE, MemoryNode, make_instance, serving
from tests.dicom.test_acceptance import answer
from tests.dicom.test_store_service import send
from tests.dicom.workstation import Workstation

VERIFICATION = "1.2.840.10008.1.1"


def echo(link: Association) -> int:
    return int(link.send_c_echo().Status)


async def test_echo_is_answered_with_success(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        assert await served.workstation([VERIFICATION], echo) == 0


async def test_more_associations_than_allowed_are_rejected_as_a_passing_limit(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path, max_associations=2) as served:

        async def hold(rest: int) -> object:
            def nested(_: Association) -> object:
                return asyncio.run_coroutine_threadsafe(hold(rest - 1), loop).result(20)

            return await served.workstation([VERIFICATION], nested if rest else answer)

        loop = asyncio.get_running_loop()
        assert await hold(2) == (2, 3, 2)
        assert await served.workstation([VERIFICATION], answer) is None


async def test_many_workstations_are_served_at_once(tmp_path: Path) -> None:
    node = MemoryNode()
    async with serving(node, tmp_path, max_associations=32) as served:
        talks = (served.workstation([build_context(CT, [EXPLICIT])], send(make_instance(n))) for n in range(20))
        answers = await asyncio.gather(*talks)
    assert {reply.Status for reply in answers} == {0}  # type: ignore[attr-defined]
    assert len({instance.sop_instance_uid for instance in node.stored}) == 20


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x01\x00\xff\xff\xff\xff" + b"x" * 100,
        b"\x04\x00\x00\x00\x00\x04abcd",
        b"\x01\x00\x00\x00\x00\x08" + b"\xff" * 8,
        b"\x07\x00\x00\x00\x00\x04\x00\x00\x00\x00",
        b"\x99" * 64,
        b"",
    ],
    ids=["http", "endless", "data first", "bad request", "abort", "unknown", "nothing"],
)
async def test_garbage_costs_only_its_own_connection(tmp_path: Path, garbage: bytes) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        reader, writer = await asyncio.open_connection(served.address.host, served.address.port)
        writer.write(garbage)
        writer.write_eof()
        await reader.read()
        writer.close()
        assert await served.workstation([VERIFICATION], echo) == 0


async def test_a_stopped_server_listens_no_more_and_forgets_its_associations(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        await served.server.stop(1.0)
        assert served.server.associations == 0
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(served.address.host, served.address.port)


async def test_stopping_lets_what_is_in_flight_end(tmp_path: Path) -> None:
    release = asyncio.Event()
    with Workstation().listening({CT: [EXPLICIT]}) as remote:
        node = MemoryNode(events=[Total(1), release, make_instance(0)], destinations={"WS": remote})
        async with serving(node, tmp_path) as served:
            asked = asyncio.Event()
            loop = asyncio.get_running_loop()

            def talk(link: Association) -> int:
                identifier = Dataset()
                identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", "1.2.3"
                answers = link.send_c_move(identifier, "WS", STUDY_MOVE)
                next(answers)
                loop.call_soon_threadsafe(asked.set)
                return [int(status.Status) for status, _ in answers][-1]

            async with asyncio.TaskGroup() as group:
                moving = group.create_task(served.workstation([STUDY_MOVE], talk))
                await asked.wait()
                stopping = group.create_task(served.server.stop(20.0))
                release.set()
            assert moving.result() == 0x0000
            assert stopping.done()
            assert served.server.associations == 0


async def test_stopping_aborts_what_takes_longer_than_its_grace(tmp_path: Path) -> None:
    with Workstation().listening({CT: [EXPLICIT]}) as remote:
        node = MemoryNode(events=[Total(1), asyncio.Event()], destinations={"WS": remote})
        async with serving(node, tmp_path) as served:

            def talk(link: Association) -> object:
                identifier = Dataset()
                identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", "1.2.3"
                answers = link.send_c_move(identifier, "WS", STUDY_MOVE)
                next(answers)
                asyncio.run_coroutine_threadsafe(served.server.stop(0.0), loop).result(20)
                return link.is_established

            loop = asyncio.get_running_loop()
            await served.workstation([STUDY_MOVE], talk)
            assert served.server.associations == 0
            await node.left.wait()


async def test_an_address_in_use_is_a_configuration_error(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        other = DicomServer("NODE", served.node, served.bridge, receive_folder=tmp_path)
        with pytest.raises(BadConfiguration):
            await other.start(served.address)


async def test_files_of_an_earlier_run_are_removed_at_start(tmp_path: Path) -> None:
    left, other = tmp_path / "incoming-1", tmp_path / "other"
    left.touch()
    other.touch()
    async with serving(MemoryNode(), tmp_path):
        assert (left.exists(), other.exists()) == (False, True)


async def test_no_log_holds_what_identifies_a_patient_or_a_workstation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    studies = [Study(study_uid="1.2.3", patient_name="CANARY^BIRD"), ArchiveFailed("x")]
    with Workstation().listening({CT: [EXPLICIT]}) as remote:
        node = MemoryNode(studies=studies, events=[Total(1), make_instance(0)], destinations={"WS": remote})
        async with serving(node, tmp_path) as served:

            def talk(link: Association) -> None:
                identifier = Dataset()
                identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", "1.2.3"
                identifier.PatientName = "CANARY*"
                list(link.send_c_find(identifier, STUDY_FIND))
                list(link.send_c_move(identifier, "WS", STUDY_MOVE))

            await served.workstation([STUDY_FIND, STUDY_MOVE], talk)
            await served.workstation([build_context(CT, [EXPLICIT])], send(make_instance(1)))
            await served.workstation([build_context(CT, [EXPLICIT])], send(make_instance(1), data=b"CANARY"))
            await served.workstation([VERIFICATION], answer, aet="STRANGER")
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records) + str(
        capfd.readouterr()
    )
    assert "retrieval_served" in logged
    for secret in ("CANARY", "1.2.3", "WORKSTATION", "STRANGER"):
        assert secret not in logged


async def test_the_port_is_chosen_by_the_system_when_none_is_given(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        assert served.address.port > 0
        with socket.create_connection((served.address.host, served.address.port)):
            pass


async def test_a_host_name_is_resolved_when_listening(tmp_path: Path) -> None:
    bridge = Bridge(threads=1)
    server = DicomServer("NODE", MemoryNode(), bridge, receive_folder=tmp_path)
    assert (await server.start(Address("localhost", 0))).is_ip
    await server.stop(0.0)
    await bridge.close()
