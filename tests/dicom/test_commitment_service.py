from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import Dataset
from pynetdicom import build_role, evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from idas_p2p.dicom.commitment import (
    PUSH_INSTANCE,
    PUSH_MODEL,
    Answered,
    Reference,
    Requested,
    answered_dataset,
    answered_from,
    asked_dataset,
)
from idas_p2p.errors import AccessDenied
from tests.dicom.memory_node import CT, MemoryNode, serving

ONE, TWO = Reference(CT, "1.2.3.4.1"), Reference(CT, "1.2.3.4.2")
ASKED = Requested(transaction_uid="2.25.7", references=(ONE, TWO))
PATIENCE = 30.0  # seconds
NAMELESS = Dataset()
NAMELESS.RetrieveAETitle = "PACS"


def ask(ds: Dataset, *, instance: str = PUSH_INSTANCE, action: int = 1) -> Callable[[Association], int]:
    def talk(link: Association) -> int:
        status, _ = link.send_n_action(ds, action, PUSH_MODEL, instance)
        return int(status.Status)

    return talk


async def test_a_requestor_that_stays_gets_the_report_where_it_asked(tmp_path: Path) -> None:
    node, came, reports = MemoryNode(safe=frozenset({ONE.sop_instance_uid})), threading.Event(), list[Answered]()

    def on_report(event: Event) -> tuple[int, None]:
        reports.append(answered_from(event.event_information))
        came.set()
        return 0x0000, None

    def talk(link: Association) -> bool:
        assert ask(asked_dataset(ASKED))(link) == 0x0000
        return came.wait(PATIENCE)

    async with serving(node, tmp_path) as served:
        handlers = [(evt.EVT_N_EVENT_REPORT, on_report)]
        assert await served.workstation([PUSH_MODEL], talk, evt_handlers=handlers)
        async with asyncio.timeout(PATIENCE):
            await node.left.wait()
    assert reports == [Answered(transaction_uid="2.25.7", committed=(ONE,), failed=((TWO, 0x0112),))]
    assert node.told == ["2.25.7"]


async def test_a_requestor_that_leaves_is_not_told_here(tmp_path: Path) -> None:
    node = MemoryNode()
    async with serving(node, tmp_path) as served:
        assert await served.workstation([PUSH_MODEL], ask(asked_dataset(ASKED))) == 0x0000
        await served.server.stop(PATIENCE)
    assert node.asked == [ASKED]
    assert node.told == []


async def test_what_is_no_request_is_refused_by_name(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        good = asked_dataset(ASKED)
        assert await served.workstation([PUSH_MODEL], ask(good, instance="1.2.3")) == 0x0112
        assert await served.workstation([PUSH_MODEL], ask(good, action=2)) == 0x0123
        assert await served.workstation([PUSH_MODEL], ask(NAMELESS)) == 0x0115


async def test_who_may_not_ask_is_told_so(tmp_path: Path) -> None:
    async with serving(MemoryNode(store_error=AccessDenied("no")), tmp_path) as served:
        assert await served.workstation([PUSH_MODEL], ask(asked_dataset(ASKED))) == 0x0124


async def test_an_archive_reports_over_an_association_of_its_own(tmp_path: Path) -> None:
    node, answered = MemoryNode(), Answered(transaction_uid="2.25.9", committed=(ONE,))

    def talk(link: Association) -> list[int]:
        ds = answered_dataset(answered, retrieve_aet="PACS")
        said = [
            link.send_n_event_report(ds, number, PUSH_MODEL, instance)[0].Status
            for number, instance in ((1, PUSH_INSTANCE), (9, PUSH_INSTANCE), (1, "1.2.3"))
        ]
        return [*said, link.send_n_event_report(NAMELESS, 1, PUSH_MODEL, PUSH_INSTANCE)[0].Status]

    async with serving(node, tmp_path) as served:
        role = build_role(PUSH_MODEL, scp_role=True)
        assert await served.workstation([PUSH_MODEL], talk, ext_neg=[role]) == [0x0000, 0x0113, 0x0112, 0x0115]
    assert node.reports == [answered]
