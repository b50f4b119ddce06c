"""This machine: what is judged, from measured values; and that measuring works here."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.node.doctor.machine import (
    examine_machine,
    judge_descriptors,
    judge_disk,
    judge_folder,
    judge_kernel_clock,
    kernel_clock_state,
)

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("free", "total", "spool", "used", "name"),
    [
        (500 * GB, 900 * GB, 20 * GB, 0, ""),
        (GB // 2, 900 * GB, 20 * GB, 0, "disk_full"),
        (5 * GB, 900 * GB, 20 * GB, 0, "disk_low"),
        (5 * GB, 900 * GB, 20 * GB, 18 * GB, ""),
        (400 * GB, 500 * GB, 900 * GB, 0, "spool_larger_than_disk"),
    ],
)
def test_a_disk_must_have_room_for_what_the_node_may_keep(
    free: int, total: int, spool: int, used: int, name: str
) -> None:
    assert judge_disk(free, total, spool_bytes=spool, spool_used=used).name == name


def test_a_folder_must_be_ours() -> None:
    assert judge_folder(Path("/srv/idas"), []).name == ""
    finding = judge_folder(Path("/srv/idas"), ["node.db", "spool"])
    assert (finding.name, "node.db, spool" in finding.said) == ("folder_not_ours", True)


@pytest.mark.parametrize(("limit", "name"), [(256, "descriptors_few"), (4_096, ""), (-1, "")])
def test_a_node_needs_many_open_files(limit: int, name: str) -> None:
    assert judge_descriptors(limit).name == name


@pytest.mark.parametrize(("state", "name"), [(0, ""), (5, "clock_unsynchronised"), (None, "")])
def test_a_clock_must_be_kept(state: int | None, name: str) -> None:
    assert judge_kernel_clock(state).name == name


def test_this_machine_can_be_measured(tmp_path: Path) -> None:
    (tmp_path / "node.toml").touch()
    parts = [one.part for one in examine_machine(tmp_path, spool_bytes=GB, spool_used=0)]
    assert parts == ["folder", "disk", "open files", "clock"]
    assert kernel_clock_state() in {None, *range(-1, 6)}
