"""Fifty workstations of one node at once, each asking and fetching what another node holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import build_context
from pynetdicom.dimse_primitives import C_FIND, C_MOVE

from idas_p2p import limits
from idas_p2p.dicom import deliver, server
from idas_p2p.dicom.dialogue import Dialogue
from idas_p2p.dicom.identifiers import dataset_of
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.requests import FIND, MOVE
from idas_p2p.exchange import answer
from idas_p2p.node import asking, find
from idas_p2p.store.settings import Workstation
from tests.dicom.memory_node import MemoryNode, serving
from tests.node.nodes import STUDY, fill, join, make_config, running, share

WORKSTATIONS = 50
IMAGES = 3
SERIES = f"{STUDY}.4"


def rounds(node: RemoteAE) -> Iterator[tuple[str, list[Any]]]:
    """What one workstation does, one thing after another, and what it is told."""
    keys = {"StudyInstanceUID": STUDY}
    find, move = build_context(FIND), build_context(MOVE)
    with Dialogue(node, [find, move]) as dialogue:
        for level, more in (
            ("STUDY", {"PatientName": "CANARY*"}),
            ("SERIES", {"SeriesInstanceUID": "", "NumberOfSeriesRelatedInstances": ""}),
            ("IMAGE", {"SeriesInstanceUID": SERIES, "SOPInstanceUID": ""}),
        ):
            asked = dataset_of({"QueryRetrieveLevel": level, **keys, **more})
            yield level, list(dialogue.ask(C_FIND(), FIND, asked))
        request = C_MOVE()
        request.MoveDestination = "NODE"
        yield "MOVE", list(dialogue.ask(request, MOVE, dataset_of({"QueryRetrieveLevel": "STUDY", **keys})))


def work(node: RemoteAE) -> dict[str, list[Any]]:
    return dict(rounds(node))


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for a busy machine: what is looked at is that nothing is lost, not how fast it goes."""
    for module, name in (
        (asking, "NODE_TIMEOUT"),
        (find, "LOOKUP_TIMEOUT"),
        (answer, "FIND_TIMEOUT"),
        (server, "ADMIT_TIMEOUT"),
        (deliver, "BUSY_TIMEOUT"),
        (limits, "DICOM_CONNECT_TIMEOUT"),
        (limits, "DICOM_ACSE_TIMEOUT"),
        (limits, "DICOM_RESPONSE_TIMEOUT"),
    ):
        monkeypatch.setattr(module, name, 120.0)


@pytest.mark.slow
async def test_fifty_workstations_at_once_each_get_the_whole_of_what_they_ask_for(
    tmp_path: Path, patience: None
) -> None:
    destination = MemoryNode(known=frozenset({"BERG"}))
    async with (
        running(make_config(tmp_path, "anna")) as anna,
        running(make_config(tmp_path, "berg")) as berg,
        serving(destination, tmp_path / "viewer", max_associations=WORKSTATIONS) as viewer,
    ):
        anna.membership.create("Clinics")
        await join(berg, anna)
        await fill(anna, instances=IMAGES)
        await share(anna)
        titles = [f"STATION{number}" for number in range(WORKSTATIONS)]
        for title in (*titles, "NODE"):
            berg.settings.add_workstation(Workstation(aet=title, address=viewer.address))
        berg.configure()
        nodes = [RemoteAE(aet="BERG", address=berg.dicom_address, calling_aet=title) for title in titles]
        with ThreadPoolExecutor(WORKSTATIONS) as pool:
            loop = asyncio.get_running_loop()
            told = await asyncio.gather(*(loop.run_in_executor(pool, work, node) for node in nodes))
    for answers in told:
        ends = {level: (messages[-1].Status, messages[-1].ErrorComment) for level, messages in answers.items()}
        assert ends == dict.fromkeys(answers, (0x0000, None))
        assert [len(answers[level]) - 1 for level in ("STUDY", "SERIES", "IMAGE")] == [1, 1, IMAGES]
        last = answers["MOVE"][-1]
        counts = (last.NumberOfCompletedSuboperations, last.NumberOfFailedSuboperations)
        assert counts == (IMAGES, 0)
    assert len(destination.stored) == WORKSTATIONS * IMAGES
