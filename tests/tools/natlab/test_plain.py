"""The plain socket beside which the nodes are measured: it gets through routers that keep ports."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tools.lab import Lab, Wan, why_not
from tools.natlab.kinds import Kind
from tools.natlab.networks import Builder, missing
from tools.natlab.plain import can_cross, seconds_for

REASON = why_not() or missing()


def test_it_crosses_routers_that_keep_ports_and_no_others() -> None:
    assert can_cross(Kind.NAT, Kind.DOUBLE)
    assert can_cross(Kind.OPEN, Kind.NO_UDP)
    assert not can_cross(Kind.RANDOM, Kind.NAT)
    assert not can_cross(Kind.NAT, Kind.STRICT)


@pytest.mark.nat
@pytest.mark.skipif(bool(REASON), reason=f"no laboratory: {REASON}")
def test_two_routers_that_keep_ports_let_it_through(tmp_path: Path) -> None:
    with Lab() as lab, ExitStack() as stack:
        networks = Builder(lab, stack, tmp_path, wan=Wan(rtt=0.01)).build(Kind.NAT, Kind.NAT)
        assert seconds_for(networks, 1_000_000) > 0.0
