"""A machine of no federation fetches one study with a pass, from a real node."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.clock import SystemClock
from idas_p2p.errors import BadConfiguration, PassUsed
from idas_p2p.node.node import Node
from idas_p2p.node.visit import WORK_FOLDER, Work, fetch, look
from tests.node.nodes import STUDY, fill
from tests.node.outsiders import nobody_looks, share

CLOCK = SystemClock()


async def test_a_code_is_all_that_an_outsider_needs_and_serves_once(holder: Node, tmp_path: Path) -> None:
    data, out = await fill(holder), tmp_path / "out"
    code = await share(holder)
    for _ in range(2):  # the list is seen first, and uses nothing up
        offer = await look(code, clock=CLOCK)
    assert (offer.institution, offer.study.study_uid, offer.study.instance_count) == ("anna Hospital", STUDY, 4)
    report, seen = await fetch(code, out, clock=CLOCK, on_progress=nobody_looks)
    assert (report.completed, report.failed, seen["path"]) == (4, 0, "direct")
    files = list(out.iterdir())  # and nothing of the visit is left
    assert len(files) == 4
    assert all("CANARY" not in file.name and STUDY not in file.name for file in files)
    assert all(any(file.read_bytes().endswith(one) for file in files) for one in data.values())
    for folder in ("out", "elsewhere"):
        with pytest.raises(PassUsed):
            await fetch(code, tmp_path / folder, clock=CLOCK, on_progress=nobody_looks)
    with pytest.raises(PassUsed):
        await look(code, clock=CLOCK)
    assert [row["state"] for row in holder.outsiders.desk.rows()] == ["used"]


async def test_a_level_is_applied_to_the_list_and_to_the_images(holder: Node, tmp_path: Path) -> None:
    code = await share(holder, level="deidentified")
    offer = await look(code, clock=CLOCK)
    assert "CANARY" not in offer.study.patient_name
    assert offer.study.study_uid != STUDY
    report, _ = await fetch(code, tmp_path / "out", clock=CLOCK, on_progress=nobody_looks)
    assert (report.completed, report.failed) == (4, 0)
    for file in (tmp_path / "out").glob("*.dcm"):
        assert b"CANARY" not in file.read_bytes()


async def test_a_pass_belongs_to_the_machine_that_began_until_it_has_everything(holder: Node, tmp_path: Path) -> None:
    code, desk = await share(holder, uses=2), holder.outsiders
    one, mine = desk.passes.all()[0], Work(tmp_path / "out", code)
    desk.passes.begin(one, mine.open().node_id, now=CLOCK.now())  # as a fetch that was cut off
    report, _ = await fetch(code, tmp_path / "elsewhere", clock=CLOCK, on_progress=nobody_looks)
    assert report.completed == 4
    with pytest.raises(PassUsed):
        await fetch(code, tmp_path / "third", clock=CLOCK, on_progress=nobody_looks)
    assert (tmp_path / "third" / WORK_FOLDER).exists()
    report, _ = await fetch(code, tmp_path / "out", clock=CLOCK, on_progress=nobody_looks)
    assert report.completed == 4


async def test_a_folder_that_cannot_be_written_is_told_with_its_name(holder: Node, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadConfiguration, match="file"):
        await fetch(await share(holder), tmp_path / "file", clock=CLOCK, on_progress=nobody_looks)
