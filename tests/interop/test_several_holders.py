"""One study at three institutions, pulled from all at once: one is killed, one stops, one has another copy."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tools.idas import fetch
from tools.images import StudyFiles, set_of_files
from tools.noisy_ct import write_noisy_ct
from tools.pair import wait_for_all
from tools.region import Region

pytestmark = pytest.mark.slow

BEGUN = 3  # images that have arrived before something happens


def received(folder: Path) -> object:
    return set_of_files(sorted(path for path in folder.iterdir() if path.suffix == ".dcm"))


def test_one_that_is_killed_and_one_that_stops_cost_only_their_share(tmp_path: Path) -> None:
    study = write_noisy_ct(tmp_path / "study", slices=80)
    with Region(tmp_path / "region", log_level="info") as region:
        anna, carl, dora, berg = (region.node(name) for name in ("anna", "carl", "dora", "berg"))
        for holder in (anna, carl, dora):
            region.shelf(holder, study.files[0].parent)
        wait_for_all(berg, study, holders=3)
        stopped = carl.program.pid
        failing = [anna.kill, lambda: os.kill(stopped, signal.SIGSTOP)]

        def on_progress(report: Mapping[str, Any]) -> None:
            if report["instances"] >= BEGUN and failing:
                failing.pop()()

        try:
            _, told = fetch(berg, study.study_uid, tmp_path / "out", on_progress=on_progress)
        finally:
            os.kill(stopped, signal.SIGCONT)
    assert failing == []
    assert received(tmp_path / "out") == study.encoded()
    assert (told["failed"], "Dora" in told["holders"]) == ([], True)


def test_a_copy_that_differs_is_left_out_whole_and_named(tmp_path: Path) -> None:
    study = write_noisy_ct(tmp_path / "study", slices=6)
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "study", other)
    changed = sorted(other.iterdir())[2]
    changed.write_bytes(changed.read_bytes()[:-2] + b"\x07\x07")
    copies = [study, StudyFiles(study.study_uid, tuple(sorted(other.iterdir())))]
    with Region(tmp_path / "region", log_level="info") as region:
        anna, carl, berg = (region.node(name) for name in ("anna", "carl", "berg"))
        region.shelf(anna, tmp_path / "study")
        region.shelf(carl, other)
        wait_for_all(berg, study, holders=2)
        _, told = fetch(berg, study.study_uid, tmp_path / "out")
        log = berg.log
    assert received(tmp_path / "out") in [copy.encoded() for copy in copies]
    assert (told["instances"], told["failed"], len(told["differing"])) == (6, [], 1)
    assert "copies_differ" in log
