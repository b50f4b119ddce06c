"""The same bytes between the same two networks by a plain TCP socket, as a measure for what the nodes reach.

    python -m tools.natlab.plain take|give PORT HOST[:PORT] BYTES

Both ends connect from PORT to the other end's PORT at the same moment, which passes routers that keep ports. The one
that takes prints the seconds from its first attempt, the connection's making included, until it has BYTES.
Belongs here: that program, and whether a pair of networks lets it through. Not here: the networks (networks.py).
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tools.natlab.kinds import Kind
from tools.natlab.networks import Networks

PORT: Final = 7_100
KEEPING: Final = frozenset({Kind.OPEN, Kind.NAT, Kind.DOUBLE, Kind.NO_UDP})  # those that keep ports, and open ones
TRY: Final = 1.0  # seconds for one attempt
PATIENCE: Final = 60.0  # seconds for all
_ROOT: Final = Path(__file__).parents[2]


def can_cross(holder: Kind, asker: Kind) -> bool:
    """Whether a plain socket gets through."""
    return holder in KEEPING and asker in KEEPING


def seconds_for(networks: Networks, size: int) -> float:
    """Seconds in which the asker has `size` bytes of the holder's.

    Raises:
        RuntimeError: they did not arrive.
    """
    me = [sys.executable, "-m", __name__]
    giving = networks.holder.command([*me, "give", str(PORT), networks.asker_line.public, str(size)])
    taking = networks.asker.command([*me, "take", str(PORT), networks.holder_line.public, str(size)])
    with subprocess.Popen(giving, cwd=_ROOT) as giver:
        try:
            taken = subprocess.run(taking, cwd=_ROOT, capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
        finally:
            giver.kill()
    if taken.returncode:
        raise RuntimeError(f"plain TCP did not get through: {taken.stderr.strip().splitlines()[-1:]}")
    return float(taken.stdout)


def connected(port: int, remote: tuple[str, int]) -> socket.socket:
    """A connection from a port of ours, tried until the other end tries too.

    Raises:
        TimeoutError: not within PATIENCE.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", port))
        sock.settimeout(TRY)
        try:
            sock.connect(remote)
        except OSError:
            sock.close()
            time.sleep(0.02)
        else:
            sock.settimeout(PATIENCE)
            return sock
    raise TimeoutError(f"no connection to {remote[0]} within {PATIENCE:g} s")


def main(arguments: list[str]) -> int:
    """Give or take."""
    role, port, host, size = arguments[0], int(arguments[1]), arguments[2], int(arguments[3])
    begun = time.monotonic()
    with connected(port, (host, port)) as sock:
        if role == "give":
            sock.sendall(bytes(size))
            sock.recv(1)
            return 0
        left, buffer = size, bytearray(262_144)
        while left and (got := sock.recv_into(buffer)):
            left -= got
        print(time.monotonic() - begun)
        return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
