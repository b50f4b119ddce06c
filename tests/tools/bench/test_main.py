"""The benchmark itself on loopback: every competitor delivers, and has its figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench.competitors import ALL
from tools.bench.course import why_no_course
from tools.images import write_ultrasound
from tools.lab import why_not

ROOT = Path(__file__).parents[3]
REASON = why_no_course(on_loopback=True, needs_web=True)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.interop,
    pytest.mark.skipif(bool(REASON) and not os.environ.get("IDAS_REQUIRE_PEERS"), reason=str(REASON)),
]


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.bench", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)


def test_every_competitor_delivers_a_small_study_on_loopback(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "images", slices=4)
    chart = tmp_path / "chart.png"
    done = bench("--loopback", "--data", str(tmp_path / "images"), "--runs", "2", "--json", "--plot", str(chart))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    for name in ALL:
        assert len(report[name]["seconds"]) == 2
        assert report[name]["ratio"] > 0
    assert report["data"]["instances"] == 4
    assert report["link"]["words"] == "loopback"
    assert len(report["goals"]) == 2
    assert chart.exists()


@pytest.mark.nat
@pytest.mark.skipif(bool(why_not()), reason=f"no laboratory: {why_not()}")
def test_bytes_on_the_line_are_at_least_the_files_for_those_that_send_them_as_they_are(tmp_path: Path) -> None:
    study = write_ultrasound(tmp_path / "images", slices=3)
    size = sum(path.stat().st_size for path in study.files)
    line = ("--rate", "100", "--rtt", "10", "--runs", "1")
    done = bench(*line, "--data", str(tmp_path / "images"), "--only", "idas-node", "tcp", "dicomweb", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert size < report["tcp"]["wire_bytes"] < 1.2 * size
    assert size < report["dicomweb"]["wire_bytes"] < 1.2 * size
    assert report["idas-node"]["coded_bytes"] < report["idas-node"]["wire_bytes"] < size


def test_without_what_it_needs_it_says_so_and_measures_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    command = [sys.executable, "-m", "tools.bench"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no benchmark here: not installed: echoscu" in done.stderr
