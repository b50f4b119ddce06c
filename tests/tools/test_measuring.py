"""The small measurements run against real nodes, and say what they found in one JSON object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.dcmtk import missing
from tools.lab import why_not

ROOT = Path(__file__).parents[2]
needs_dcmtk = pytest.mark.skipif(
    bool(missing()) and not os.environ.get("IDAS_REQUIRE_PEERS"), reason=f"not installed: {missing()}"
)
needs_lab = pytest.mark.skipif(bool(why_not()), reason=f"no laboratory: {why_not()}")
pytestmark = pytest.mark.slow


def measured(module: str, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"tools.{module}", *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_small_files_have_a_rate() -> None:
    found = measured("measure_small_files", "--instances", "40", "--runs", "1")
    assert found["instances"] == 40
    assert found["per_second"] > 0


@pytest.mark.interop
@needs_dcmtk
def test_memory_is_told_of_both_nodes() -> None:
    found = measured("measure_memory", "--gigabytes", "0.02")
    assert found["bytes"] > 19_000_000
    for node in ("holder", "requester"):
        assert found[node]["peak_mb"] >= found[node]["idle_mb"] > 10


@pytest.mark.nat
@needs_lab
def test_one_and_two_holders_deliver_the_same_kind_of_study() -> None:
    found = measured("measure_holders", "--slices", "6", "--runs", "1", "--rtt", "4")
    assert len(found["one-holder"]["seconds"]) == len(found["two-holders"]["seconds"]) == 1
    assert found["one-holder"]["holders"] == ["Anna"]


@pytest.mark.nat
@needs_lab
@pytest.mark.parametrize("kind", ["reset", "silence", "kill"])
def test_a_cut_retrieval_still_delivers_everything(kind: str) -> None:
    found = measured("measure_cut", "--kind", kind, "--slices", "30", "--runs", "1", "--rtt", "10", "--rate", "50")
    assert found["kind"] == kind
    assert found["cut"]["outage_s"][0] > 0
    assert len(found["lost_s"]) == 1


def test_whether_times_tell_what_may_not_be_seen_is_measured() -> None:
    found = measured("measure_none", "--studies", "200", "--questions", "60")
    assert found["found"] == 0
    assert 0 <= found["answer"]["higher"] <= 1
    assert found["answer"]["kept_median"] > 0
