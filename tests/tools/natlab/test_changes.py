"""What happens to a network meanwhile, in real networks, and when it can."""

from __future__ import annotations

import errno
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tools.lab import Lab, Site, Wan, why_not
from tools.natlab.changes import MEANING, Change, can_happen, happen
from tools.natlab.kinds import Kind
from tools.natlab.networks import Builder, missing

CONNECTS = """
import socket, sys
with socket.socket() as sock:
    sock.settimeout(30)
    print(sock.connect_ex((sys.argv[1], 9)))
"""
REASON = why_not() or missing()


def test_every_change_says_what_it_means() -> None:
    assert set(MEANING) == set(Change)


def test_a_change_needs_a_router_on_its_side() -> None:
    for change in Change:
        is_holder = change.startswith("holder")
        assert can_happen(change, *((Kind.NAT, Kind.OPEN) if is_holder else (Kind.OPEN, Kind.NAT)))
        assert not can_happen(change, *((Kind.OPEN, Kind.NAT) if is_holder else (Kind.NAT, Kind.OPEN)))


def addresses(site: Site) -> str:
    done = subprocess.run(site.command(["ip", "-4", "-o", "address"]), capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.nat
@pytest.mark.skipif(bool(REASON), reason=f"no laboratory: {REASON}")
def test_routers_and_machines_get_other_addresses_and_still_reach_the_internet(tmp_path: Path) -> None:
    with Lab() as lab, ExitStack() as stack:
        networks = Builder(lab, stack, tmp_path, wan=Wan()).build(Kind.NAT, Kind.DOUBLE)
        for change in Change:
            happen(change, networks)
        for line in (networks.holder_line, networks.asker_line):
            assert f" 11.99.{line.number}.3/24" in addresses(line.gateway)
            assert f" {line.public}/24" not in addresses(line.gateway)
        for host in (networks.holder, networks.asker):
            assert " 192.168.1.20/24" in addresses(host)
            asked = subprocess.run(
                host.command([sys.executable, "-c", CONNECTS, networks.bootstrap_hosts[0]]),
                check=True,
                capture_output=True,
            )
            assert int(asked.stdout) == errno.ECONNREFUSED  # nobody listens there, who says so was reached
