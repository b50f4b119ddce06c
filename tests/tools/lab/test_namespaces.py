"""The laboratory itself: links that delay and limit, sites that reach each other, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.lab import Lab, Wan, why_not
from tools.lab.namespaces import sweep

pytestmark = [pytest.mark.nat, pytest.mark.skipif(bool(why_not()), reason=f"no laboratory: {why_not()}")]

RECEIVER = """
import socket
server = socket.create_server(("", 7000))
print("ready", flush=True)
peer, _ = server.accept()
while peer.recv(1 << 16):
    pass
peer.sendall(b"k")
"""
SENDER = """
import socket, sys, time
start = time.monotonic()
peer = socket.create_connection((sys.argv[1], 7000))
connected = time.monotonic() - start
peer.sendall(bytes(int(sys.argv[2])))
peer.shutdown(socket.SHUT_WR)
peer.recv(1)
print(connected, time.monotonic() - start)
"""


def transfer(lab: Lab, *, size: int, near: str = "near", far: str = "far", wan: Wan) -> tuple[float, float]:
    """Connect two new sites, send `size` bytes; seconds until connected and until all was confirmed."""
    sites = lab.site(near), lab.site(far)
    lab.connect(*sites, wan=wan)
    receiver = subprocess.Popen(sites[1].command([sys.executable, "-c", RECEIVER]), stdout=subprocess.PIPE)
    assert receiver.stdout is not None
    with receiver.stdout:
        receiver.stdout.readline()
        sender = sites[0].command([sys.executable, "-c", SENDER, sites[1].address, str(size)])
        connected, done = subprocess.run(sender, capture_output=True, check=True, text=True).stdout.split()
        receiver.wait(timeout=10)
    return float(connected), float(done)


def test_a_link_delays_by_its_round_trip_and_sends_at_its_rate() -> None:
    with Lab() as lab:
        connected, done = transfer(lab, size=1_000_000, wan=Wan(rate=20e6, rtt=0.05))
    assert 0.05 <= connected < 0.1
    assert done > 1_000_000 * 8 / 20e6


def test_sites_behind_one_router_reach_each_other() -> None:
    with Lab() as lab:
        sites = [lab.site("anna"), lab.site("berg")]
        lab.internet(sites, wan=Wan())
        program = (
            f"import socket; s = socket.create_server(('{sites[1].address}', 7001)); print(1, flush=True); s.accept()"
        )
        server = subprocess.Popen(sites[1].command([sys.executable, "-c", program]), stdout=subprocess.PIPE)
        assert server.stdout is not None
        with server.stdout:
            server.stdout.readline()
            dial = f"import socket; socket.create_connection(('{sites[1].address}', 7001), timeout=5)"
            assert lab.run(sites[0], [sys.executable, "-c", dial]) == 0
            server.wait(timeout=5)


def test_nothing_is_left_behind_even_after_an_error() -> None:
    def fail_inside() -> None:
        with Lab() as lab:
            lab.site("anna")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert not list(Path("/run/netns").glob(f"idas-{os.getpid()}-*"))


def test_what_a_killed_laboratory_left_is_swept_away() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    space = f"idas-{gone.pid}-anna"
    subprocess.run(["ip", "netns", "add", space], check=True)
    sweep()
    assert not Path("/run/netns", space).exists()
