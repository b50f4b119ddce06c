"""Nodes and bootstrap nodes as an operator sees them: separate processes, driven by the command line alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from idas_p2p.cli.client import Progress, call
from tools.programs import LOOPBACK, STOP_GRACE, Program, free_port

IDAS = [sys.executable, "-m", "idas_p2p.cli"]
BOOTSTRAP = [sys.executable, "-m", "bootstrap"]
COMMAND_TIMEOUT = 120.0  # seconds; a `get` of a large study is the longest


class CommandFailed(Exception):
    """A command ended with another status than 0; the message holds what it said."""


class Node:
    """One institution's node.

    Args:
        folder: its DIR; made by `init`.
        aet: its AE title on the local network.
        host: the address for DICOM and for other nodes.
        network: HOST:PORT for other nodes, when it is another one.
        proxy: the HTTP proxy of its network, http://[USER:PASSWORD@]HOST:PORT.
        log_level: of `idas run`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        institution: str,
        aet: str,
        host: str = LOOPBACK,
        network: str = "",
        bootstrap: Sequence[str] = (),
        proxy: str = "",
        log_level: str = "debug",
    ) -> None:
        self.folder, self.institution, self.aet, self.host = folder, institution, aet, host
        self.dicom_port, self.network_port = free_port(), free_port()
        self.idas(
            "init", str(folder), "--institution", institution, "--aet", aet,
            "--dicom", f"{host}:{self.dicom_port}", "--network", network or f"{host}:{self.network_port}",
            *(word for contact in bootstrap for word in ("--bootstrap", contact)),
            *(("--proxy", proxy) if proxy else ()),
        )  # fmt: skip
        command = [*IDAS, "run", str(folder), "--log-level", log_level]
        self.program = Program(folder.name, command, log=folder.parent / "logs")

    def start(self) -> None:
        """Run it; returns when it says that it is ready."""
        self.program.start(lambda: self.program.said.endswith("\n"))

    def stop(self) -> int | None:
        """End it by SIGTERM and return its exit status."""
        return self.program.stop()

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.program.kill()

    @property
    def log(self) -> str:
        """What it has logged in all its runs."""
        return self.program.log

    def idas(self, *words: str, stdin: str = "", timeout: float = COMMAND_TIMEOUT) -> str:
        """Run `idas WORDS` and return its stdout.

        Raises:
            CommandFailed: its exit status is not 0.
        """
        done = self.try_idas(*words, stdin=stdin, timeout=timeout)
        if done.returncode:
            raise CommandFailed(f"idas {' '.join(words)}: status {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout

    def try_idas(
        self, *words: str, stdin: str = "", timeout: float = COMMAND_TIMEOUT
    ) -> subprocess.CompletedProcess[str]:
        """Run `idas WORDS` and return how it ended."""
        return subprocess.run(
            [*IDAS, *words], input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )

    def ask(self, command: str, *words: str, timeout: float = COMMAND_TIMEOUT) -> Any:
        """Run `idas COMMAND DIR WORDS --json` and return the document it prints."""
        return json.loads(self.idas(*command.split(), str(self.folder), *words, "--json", timeout=timeout))

    def do(self, command: str, *words: str, stdin: str = "") -> str:
        """Run `idas COMMAND DIR WORDS` and return what it prints."""
        return self.idas(*command.split(), str(self.folder), *words, stdin=stdin)


def fetch(
    node: Node, study_uid: str, out: Path, *, on_progress: Progress | None = None
) -> tuple[float, dict[str, Any]]:
    """What `idas get --out` asks of a running node, without the start of an interpreter.

    Returns:
        Seconds from the request until every instance is verified and a file, and what the node tells of it.

    Raises:
        IdasError: as the command does.
    """
    request = {"study_uid": study_uid, "user": None, "out": str(out)}
    started = time.monotonic()
    told = call(node.folder, "get", request, on_progress=on_progress, timeout=None)
    return time.monotonic() - started, told


class Bootstrap:
    """A bootstrap node: first contact for the nodes, without DICOM."""

    def __init__(self, folder: Path, *, host: str = LOOPBACK, port: int = 0, relay: bool = False) -> None:
        self.folder, self.port = folder, port or free_port()
        init = [*BOOTSTRAP, "init", str(folder), "--listen", f"{host}:{self.port}", *(["--relay"] if relay else [])]
        done = subprocess.run(init, capture_output=True, text=True, timeout=STOP_GRACE, check=False)
        if done.returncode:
            raise CommandFailed(f"bootstrap init: {done.stderr}")
        self.contact = done.stdout.strip().splitlines()[0].strip()
        self.program = Program(folder.name, [*BOOTSTRAP, "run", str(folder)], log=folder.parent / "logs")

    def start(self) -> None:
        """Run it; returns when it prints its contact."""
        self.program.start(lambda: self.contact in self.program.said)

    def stop(self) -> int | None:
        """End it by SIGTERM and return its exit status."""
        return self.program.stop()
