"""A machine of no federation fetches one study with a pass, from a real node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from idas_p2p.access.invitation import PassCode
from idas_p2p.clock import SystemClock
from idas_p2p.dicom.retrieve import DeliveryReport
from idas_p2p.errors import BadCode, PassRevoked, PassUsed
from idas_p2p.node.guest import WORK_FOLDER, Seen, Work, fetch, look
from idas_p2p.node.node import Node
from tests.node.nodes import STUDY, fill, make_config, running

CLOCK = SystemClock()


def nobody_looks(report: DeliveryReport, seen: Seen) -> None:
    pass


@pytest.fixture
async def holder(tmp_path: Path) -> AsyncIterator[Node]:
    """A node of no federation with one study of four images."""
    async with running(make_config(tmp_path, "anna")) as node:
        await fill(node)
        yield node


async def share(node: Node, *, level: str = "full", lifetime: float = 3_600, uses: int = 1) -> PassCode:
    made = await node.outsiders.desk.share(STUDY, level, lifetime=lifetime, uses=uses)
    return PassCode.from_code(made.code)


async def test_a_code_is_all_that_an_outsider_needs(holder: Node, tmp_path: Path) -> None:
    code = await share(holder)
    report, seen = await fetch(code, tmp_path / "out", clock=CLOCK, on_progress=nobody_looks)
    assert (report.completed, report.failed) == (4, 0)
    assert seen["path"] == "direct"
    files = list((tmp_path / "out").iterdir())
    assert len(files) == 4
    assert all("CANARY" not in file.name and STUDY not in file.name for file in files)


async def test_the_list_is_seen_first_and_uses_nothing_up(holder: Node, tmp_path: Path) -> None:
    code = await share(holder)
    for _ in range(2):
        offer = await look(code, clock=CLOCK)
    assert (offer.institution, offer.study.study_uid, offer.study.instance_count) == ("anna Hospital", STUDY, 4)
    report, _ = await fetch(code, tmp_path / "out", clock=CLOCK, on_progress=nobody_looks)
    assert report.completed == 4


async def test_what_arrives_is_byte_for_byte_what_the_archive_has(holder: Node, tmp_path: Path) -> None:
    data = await fill(holder)
    code = await share(holder)
    await fetch(code, tmp_path / "out", clock=CLOCK, on_progress=nobody_looks)
    found = [file.read_bytes() for file in (tmp_path / "out").glob("*.dcm")]
    assert all(any(file.endswith(one) for file in found) for one in data.values())


async def test_a_level_is_applied_to_the_list_and_to_the_images(holder: Node, tmp_path: Path) -> None:
    code = await share(holder, level="deidentified")
    offer = await look(code, clock=CLOCK)
    assert "CANARY" not in offer.study.patient_name
    assert offer.study.study_uid != STUDY
    report, _ = await fetch(code, tmp_path / "out", clock=CLOCK, on_progress=nobody_looks)
    assert (report.completed, report.failed) == (4, 0)
    for file in (tmp_path / "out").glob("*.dcm"):
        assert b"CANARY" not in file.read_bytes()


async def test_a_pass_that_was_used_is_refused_by_name_wherever_it_is_tried_again(holder: Node, tmp_path: Path) -> None:
    code = await share(holder)
    await fetch(code, tmp_path / "out", clock=CLOCK, on_progress=nobody_looks)
    for folder in ("out", "elsewhere"):
        with pytest.raises(PassUsed):
            await fetch(code, tmp_path / folder, clock=CLOCK, on_progress=nobody_looks)
    with pytest.raises(PassUsed):
        await look(code, clock=CLOCK)
    assert not (tmp_path / "out" / WORK_FOLDER).exists() or not list((tmp_path / "out").glob("*/*/spool/*/*"))


async def test_a_pass_of_two_uses_serves_two_machines_and_no_third(holder: Node, tmp_path: Path) -> None:
    code = await share(holder, uses=2)
    for folder in ("one", "two"):
        report, _ = await fetch(code, tmp_path / folder, clock=CLOCK, on_progress=nobody_looks)
        assert report.completed == 4
    with pytest.raises(PassUsed):
        await fetch(code, tmp_path / "three", clock=CLOCK, on_progress=nobody_looks)


async def test_a_pass_belongs_to_the_machine_that_began_until_it_has_everything(holder: Node, tmp_path: Path) -> None:
    code = await share(holder)
    one = holder.outsiders.passes.all()[0]
    mine = Work(tmp_path / "out", code)
    holder.outsiders.passes.begin(one, mine.open().node_id, now=CLOCK.now())  # as a fetch that was cut off
    with pytest.raises(PassUsed):
        await fetch(code, tmp_path / "elsewhere", clock=CLOCK, on_progress=nobody_looks)
    report, _ = await fetch(code, tmp_path / "out", clock=CLOCK, on_progress=nobody_looks)
    assert report.completed == 4


async def test_a_revoked_pass_and_one_that_expired_are_refused_by_name(holder: Node, tmp_path: Path) -> None:
    code, made = await share(holder), holder.outsiders.passes.all()[0]
    holder.outsiders.desk.revoke(made.label)
    with pytest.raises(PassRevoked):
        await fetch(code, tmp_path / "out", clock=CLOCK, on_progress=nobody_looks)
    with pytest.raises(PassRevoked):
        await look(code, clock=CLOCK)


async def test_a_code_nobody_gave_out_leads_nowhere_and_is_written_down(holder: Node, tmp_path: Path) -> None:
    code = await share(holder)
    guessed = PassCode.of(holder.identity.node_id, b"g" * 16, code.contact)
    with pytest.raises(BadCode):
        await look(guessed, clock=CLOCK)
