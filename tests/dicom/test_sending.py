from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from pynetdicom.presentation import build_context

from idas_p2p.blob import FileBlob
from idas_p2p.dicom.link import Link
from idas_p2p.dicom.retrieve import Outcome
from idas_p2p.dicom.sending import store_instance
from idas_p2p.dicom.sockets import make_ae
from idas_p2p.errors import ChannelClosed, DestinationFailed, SpoolFull
from idas_p2p.wire.instance import Instance
from tests.dicom.memory_node import CT, EXPLICIT, MemoryNode, Served, make_instance, serving


async def over_a_link(served: Served, talk: Callable[[Link], object]) -> object:
    def run() -> object:
        link = make_ae("WORKSTATION").associate(
            served.address.host, served.address.port, contexts=[build_context(CT, [EXPLICIT])], ae_title="NODE"
        )
        link.hold()
        try:
            return talk(link)
        finally:
            link.end()

    return await asyncio.to_thread(run)


async def test_an_instance_sent_by_us_arrives_at_our_server_as_it_was(tmp_path: Path) -> None:
    node, instance = MemoryNode(), make_instance(1, size=1_000_000)
    async with serving(node, tmp_path) as served:
        assert await over_a_link(served, lambda link: store_instance(link, instance, message_id=1)) is Outcome.COMPLETED
    assert node.stored[0].data.read() == instance.data.read()


async def test_a_refusal_is_a_failed_outcome(tmp_path: Path) -> None:
    async with serving(MemoryNode(store_error=SpoolFull()), tmp_path) as served:
        outcome = await over_a_link(served, lambda link: store_instance(link, make_instance(1), message_id=1))
    assert outcome is Outcome.FAILED


async def test_an_object_of_a_class_that_was_not_accepted_fails_without_being_sent(tmp_path: Path) -> None:
    node, other = MemoryNode(), make_instance(1, sop_class="1.2.840.10008.5.1.4.1.1.7")
    async with serving(node, tmp_path) as served:
        assert await over_a_link(served, lambda link: store_instance(link, other, message_id=1)) is Outcome.FAILED
    assert node.stored == []


async def test_sending_over_a_link_that_is_gone_says_so(tmp_path: Path) -> None:
    def talk(link: Link) -> object:
        link.end()
        return store_instance(link, make_instance(1), message_id=1)

    async with serving(MemoryNode(), tmp_path) as served:
        with pytest.raises(ChannelClosed):
            await over_a_link(served, talk)


async def test_a_data_set_that_vanished_ends_the_association(tmp_path: Path) -> None:
    gone = Instance(
        study_uid="1",
        series_uid="2",
        sop_class_uid=CT,
        sop_instance_uid="3",
        transfer_syntax_uid=EXPLICIT,
        data=FileBlob(tmp_path / "gone", 0, 100),
    )
    async with serving(MemoryNode(), tmp_path) as served:
        with pytest.raises(DestinationFailed):
            await over_a_link(served, lambda link: store_instance(link, gone, message_id=1))
