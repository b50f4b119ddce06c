from __future__ import annotations

import gc
import os
from io import BytesIO
from pathlib import Path

import pytest
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import build_context

from idas_p2p import limits
from idas_p2p.dicom.contexts import StorageClasses
from idas_p2p.errors import IdasError, SpoolFull
from idas_p2p.wire.instance import Instance
from tests.dicom.memory_node import CT, EXPLICIT, MemoryNode, make_instance, serving

JPEG_LS = "1.2.840.10008.1.2.4.80"


def send(instance: Instance, *, data: bytes | None = None, named: str = "") -> object:
    """Send bytes as they are; pynetdicom's own send_c_store would decode them."""

    def talk(link: Association) -> C_STORE:
        request = C_STORE()
        request.MessageID = 1
        request.AffectedSOPClassUID = instance.sop_class_uid
        request.AffectedSOPInstanceUID = named or instance.sop_instance_uid
        request.Priority = 2
        request.DataSet = BytesIO(instance.data.read() if data is None else data)
        link._reactor_checkpoint.clear()
        link.dimse.send_msg(request, link.accepted_contexts[0].context_id)
        _, answer = link.dimse.get_msg(block=True)
        link._reactor_checkpoint.set()
        return answer

    return talk


async def test_an_instance_arrives_with_exactly_the_bytes_that_were_sent(tmp_path: Path) -> None:
    node, instance = MemoryNode(), make_instance(1, size=300_000)
    async with serving(node, tmp_path) as served:
        answer = await served.workstation([build_context(CT, [EXPLICIT])], send(instance))
    assert answer.Status == 0x0000  # type: ignore[attr-defined]
    (stored,) = node.stored
    assert stored.data.read() == instance.data.read()
    assert (stored.study_uid, stored.series_uid) == ("1.2.3", "1.2.3.4")
    assert (stored.sop_class_uid, stored.sop_instance_uid) == (CT, "1.2.3.4.1")
    assert stored.transfer_syntax_uid == EXPLICIT


async def test_a_compressed_syntax_is_kept_as_negotiated(tmp_path: Path) -> None:
    node = MemoryNode()
    async with serving(node, tmp_path) as served:
        await served.workstation([build_context(CT, [JPEG_LS])], send(make_instance(1)))
    assert node.stored[0].transfer_syntax_uid == JPEG_LS


async def test_a_large_instance_goes_through_a_file_that_is_gone_afterwards(tmp_path: Path) -> None:
    node, instance = MemoryNode(), make_instance(1, size=limits.MEMORY_INSTANCE_SIZE + 1_000_000)
    async with serving(node, tmp_path) as served:
        answer = await served.workstation([build_context(CT, [EXPLICIT])], send(instance))
        assert answer.Status == 0x0000  # type: ignore[attr-defined]
        assert len(os.listdir(tmp_path)) == 1
        assert node.stored.pop().data.read() == instance.data.read()
    gc.collect()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("garbage", [b"x", b"\0" * 500, b"\xff" * 500, bytes(range(256))], ids=len)
async def test_what_does_not_parse_is_refused_and_the_server_goes_on(tmp_path: Path, garbage: bytes) -> None:
    node = MemoryNode()
    async with serving(node, tmp_path) as served:
        answer = await served.workstation([build_context(CT, [EXPLICIT])], send(make_instance(1), data=garbage))
        assert answer.Status == 0xC000  # type: ignore[attr-defined]
        answer = await served.workstation([build_context(CT, [EXPLICIT])], send(make_instance(2)))
        assert answer.Status == 0x0000  # type: ignore[attr-defined]
    assert len(node.stored) == 1
    assert node.refused == {make_instance(1).sop_instance_uid: "remote.malformed"}


async def test_a_data_set_that_is_not_what_the_command_names_does_not_match(tmp_path: Path) -> None:
    node = MemoryNode()
    async with serving(node, tmp_path) as served:
        answer = await served.workstation([build_context(CT, [EXPLICIT])], send(make_instance(1), named="9.9"))
    assert answer.Status == 0xA900  # type: ignore[attr-defined]
    assert node.stored == []


@pytest.mark.parametrize(("error", "status"), [(SpoolFull(), 0xA700)], ids=["disk full"])
async def test_an_instance_that_was_not_kept_is_refused(tmp_path: Path, error: IdasError, status: int) -> None:
    async with serving(MemoryNode(store_error=error), tmp_path) as served:
        answer = await served.workstation([build_context(CT, [EXPLICIT])], send(make_instance(1)))
    assert answer.Status == status  # type: ignore[attr-defined]
    assert answer.ErrorComment.startswith("The disk or the spool is full")  # type: ignore[attr-defined]


async def test_a_receive_folder_that_is_gone_refuses_large_instances_only(tmp_path: Path) -> None:
    node, folder = MemoryNode(), tmp_path / "receive"
    large = make_instance(1, size=limits.MEMORY_INSTANCE_SIZE + 1_000_000)
    async with serving(node, folder) as served:
        folder.rmdir()
        answer = await served.workstation([build_context(CT, [EXPLICIT])], send(large))
        assert answer.Status == 0xA700  # type: ignore[attr-defined]
        answer = await served.workstation([build_context(CT, [EXPLICIT])], send(make_instance(2)))
        assert answer.Status == 0x0000  # type: ignore[attr-defined]


async def test_what_the_sender_should_know_comes_with_a_warning(tmp_path: Path) -> None:
    node, instance = MemoryNode(remark="The first version is kept."), make_instance(1)
    async with serving(node, tmp_path) as served:
        answer = await served.workstation([build_context(CT, [EXPLICIT])], send(instance))
    assert (answer.Status, answer.ErrorComment) == (0xB000, "The first version is kept.")  # type: ignore[attr-defined]


async def test_a_private_class_is_taken_where_it_is_configured(tmp_path: Path) -> None:
    private, node = make_instance(1, sop_class="1.2.840.113619.4.26"), MemoryNode()
    asked = [build_context(CT, [EXPLICIT]), build_context(private.sop_class_uid, [EXPLICIT])]
    async with serving(node, tmp_path) as served:
        accepted = await served.workstation(asked, lambda link: [c.abstract_syntax for c in link.accepted_contexts])
    assert accepted == [CT]
    async with serving(node, tmp_path, storage=StorageClasses(frozenset({private.sop_class_uid}))) as served:
        answer = await served.workstation(asked[1:], send(private))
    assert answer.Status == 0x0000  # type: ignore[attr-defined]
    assert [one.sop_class_uid for one in node.stored] == [private.sop_class_uid]
