"""How tests of the command line type a command, in this process or as a real one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.cli.main import main

IDAS = (sys.executable, "-m", "idas_p2p.cli")


@dataclass(frozen=True)
class Typed:
    """What a command printed and how it ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout)


Type = Callable[..., Typed]


@pytest.fixture
def idas(capsys: pytest.CaptureFixture[str]) -> Type:
    """Type a command in this process."""

    def type_command(*words: object) -> Typed:
        capsys.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        printed = capsys.readouterr()
        return Typed(status, printed.out, printed.err)

    return type_command


def run_idas(*words: object, stdin: str = "") -> Typed:
    """Run a command as a process of its own."""
    done = subprocess.run(
        [*IDAS, *(str(word) for word in words)], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    return Typed(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def node_folder(tmp_path: Path, idas: Type) -> Path:
    """The folder of a node that does not run."""
    folder = tmp_path / "node"
    made = idas(
        "init",
        folder,
        "--institution",
        "City Hospital",
        "--aet",
        "IDAS",
        "--dicom",
        "127.0.0.1:0",
        "--network",
        "127.0.0.1:0",
    )
    assert made.status == 0, made.stderr
    return folder
