from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from pynetdicom.presentation import build_context

from idas_p2p.dicom.link import Link
from idas_p2p.dicom.sockets import make_ae
from tests.dicom.memory_node import MemoryNode, Served, serving

VERIFICATION = "1.2.840.10008.1.1"
MAMMOGRAPHY_CAD = "1.2.3.4.5"


async def client(served: Served, talk: Callable[[Link], object], *, context: str = VERIFICATION) -> object:
    """Talk over an association of ours to a server of ours."""

    def run() -> object:
        link = make_ae("WORKSTATION").associate(
            served.address.host, served.address.port, contexts=[build_context(context)], ae_title="NODE"
        )
        try:
            return talk(link)
        finally:
            link.end()

    return await asyncio.to_thread(run)


async def test_pynetdicoms_own_calls_work_over_a_link(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        statuses = await client(served, lambda link: [link.send_c_echo().Status for _ in range(20)])
    assert statuses == [0] * 20


async def test_a_release_is_agreed_by_both_ends(tmp_path: Path) -> None:
    def release(link: Link) -> tuple[bool, bool]:
        link.release()
        return link.is_released, link.is_gone

    async with serving(MemoryNode(), tmp_path) as served:
        assert await client(served, release) == (True, True)


async def test_waiting_for_a_response_ends_when_the_peer_aborts(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:

        def wait(link: Link) -> tuple[object, bool]:
            link.hold()
            (theirs,) = served.server._links
            threading.Thread(target=theirs.end).start()
            return link.response(20.0), link.is_gone

        assert await client(served, wait) == (None, True)


async def test_ending_a_link_twice_does_no_harm(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        assert await client(served, lambda link: [link.end(), link.end(), link.is_gone][-1])


async def test_an_answer_without_accepted_contexts_is_known_from_no_answer(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        state = await client(served, lambda link: (link.was_answered, link.is_established), context=MAMMOGRAPHY_CAD)
    assert state == (True, False)


async def test_a_rejected_link_is_gone_and_says_so(tmp_path: Path) -> None:
    async with serving(MemoryNode(known=frozenset()), tmp_path) as served:
        state = await client(served, lambda link: (link.is_rejected, link.was_answered, link.is_gone))
    assert state == (True, False, True)
