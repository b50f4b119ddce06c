"""A person who tries the laboratory: a command or a shell at one site, told of the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.lab import Site, Wan, why_not
from tools.lab.__main__ import welcome

ROOT = Path(__file__).parents[3]


def test_a_person_is_told_the_line_and_both_addresses() -> None:
    near, far = (Site(name, f"idas-1-{name}", [f"10.0.0.{n}"]) for n, name in enumerate(("near", "far"), 1))
    text = welcome(Wan(rate=20e6, rtt=0.04, loss=0.001), near, far)
    assert "20 Mbit/s, 40 ms round trip, 0.1 % loss" in text
    assert near.address in text
    assert far.address in text


@pytest.mark.nat
@pytest.mark.skipif(bool(why_not()), reason=f"no laboratory: {why_not()}")
def test_a_shell_at_one_site_has_a_way_to_the_other() -> None:
    command = [sys.executable, "-m", "tools.lab", "--rtt", "10"]
    words = "ip route get $IDAS_LAB_FAR; $IDAS_LAB_FAR_EXEC ip -4 address; exit 3\n"
    done = subprocess.run(command, cwd=ROOT, input=words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3
    assert "10.99.1.2 dev wan1n src 10.99.1.1" in done.stdout
    assert "10.99.1.2/24" in done.stdout
    assert "This shell is at `near`" in done.stderr
