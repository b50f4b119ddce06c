"""One WAN link as a process: compiles the program on first use, starts it, waits until it carries packets."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).with_name("link.c")
_BUILD = Path(__file__).parents[2] / "build"
START_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Wan:
    """What a link does to packets; the same in both directions."""

    rate: float = 0.0  # bits per second; 0 is no limit
    rtt: float = 0.0  # seconds, both directions together
    loss: float = 0.0  # share of packets, 0 to 1
    backlog: float = 0.05  # seconds of sending that may wait before packets are dropped
    seed: int = 1

    @property
    def backlog_bytes(self) -> int:
        """The bound of the queue: at least 64 KiB, so that one burst of a sender always fits."""
        return max(65_536, int(max(self.backlog, self.rtt) * self.rate / 8))

    def arguments(self) -> list[str]:
        """The link program's arguments after its devices: numbers in bit/s, ns, millionths, bytes, and the seed."""
        numbers = (self.rate, self.rtt / 2 * 1e9, self.loss * 1e6, self.backlog_bytes, self.seed)
        return [str(int(number)) for number in numbers]


def link_program() -> list[str]:
    """The command that carries packets: the C program, compiled when its source changed, or its Python twin."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return [sys.executable, "-m", "tools.lab.link"]
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    program = _BUILD / f"link-{digest}"
    if not program.exists():
        _BUILD.mkdir(exist_ok=True)
        fresh = program.with_suffix(".new")
        subprocess.run([compiler, "-O2", "-o", str(fresh), str(_SOURCE)], check=True)
        fresh.rename(program)
    return [str(program)]


def start_link(ends: tuple[tuple[str, str], tuple[str, str]], wan: Wan) -> subprocess.Popen[str]:
    """Start a link between two (namespace, device) ends, and return once both devices exist.

    Raises:
        RuntimeError: the program ended instead; the message holds what it said.
    """
    (near_space, near), (far_space, far) = ends
    command = [*link_program(), near_space, near, far_space, far, *wan.arguments()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=_BUILD.parent)
    if process.stdout is None or process.stderr is None or process.stdout.readline() != "ready\n":
        _, words = process.communicate(timeout=START_TIMEOUT)
        raise RuntimeError(f"the WAN link did not start: {words.strip()}")
    return process
