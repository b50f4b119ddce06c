"""Real nodes: a transfer is on record at both, also at a holder that was killed in the middle of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tools.idas import Node, fetch
from tools.noisy_ct import write_noisy_ct
from tools.region import Region, wait_for_study

pytestmark = pytest.mark.slow


def accesses(node: Node, study_uid: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = node.ask("audit who-saw", "--study", study_uid)["accesses"]
    return found


def test_who_saw_answers_at_both_nodes_also_for_a_holder_that_was_killed(tmp_path: Path) -> None:
    study = write_noisy_ct(tmp_path / "study", slices=160)
    killed: list[int] = []

    with Region(tmp_path / "region", log_level="info") as region:
        anna, berg = region.node("anna"), region.node("berg")
        region.shelf(anna, study.files[0].parent)
        wait_for_study(berg, study.study_uid, instances=160)

        def kill_after_some(report: Mapping[str, Any]) -> None:
            if report["instances"] >= 3 and not killed:
                killed.append(report["instances"])
                anna.kill()
                anna.start()

        _, told = fetch(berg, study.study_uid, tmp_path / "out", on_progress=kill_after_some)
        assert (told["instances"], bool(killed)) == (160, True)
        at_anna, at_berg = accesses(anna, study.study_uid), accesses(berg, study.study_uid)
        assert [one["saw"] for one in at_anna if one["saw"] != "listed"] == ["images, end unknown", "images"]
        assert {one["institution"] for one in at_anna} == {"Berg"}
        (got,) = [one for one in at_berg if one["saw"] == "images"]
        assert (got["instances"], got["institution"]) == (160, "Anna")
        for node in (anna, berg):
            assert node.ask("audit verify")["good"]
