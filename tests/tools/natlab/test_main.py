"""A chosen part of the matrix, with everything real: nodes, bootstrap node, gateways."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.lab import why_not
from tools.natlab.networks import missing

ROOT = Path(__file__).parents[3]
REASON = why_not() or missing()


def run(*pairs: tuple[str, str]) -> list[dict[str, object]]:
    words = [word for pair in pairs for word in ("--pair", *pair)]
    command = [sys.executable, "-m", "tools.natlab", *words, "--slices", "4", "--patience", "40", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.stdout, done.stderr
    return list(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.nat
@pytest.mark.skipif(bool(REASON), reason=f"no laboratory: {REASON}")
def test_a_study_arrives_directly_where_the_holder_can_be_reached() -> None:
    cells = run(("open", "nat"), ("lan", "lan"), ("ipv6", "open"))
    assert [(cell["arrived"], cell["path"]) for cell in cells] == [(True, "direct")] * 3
