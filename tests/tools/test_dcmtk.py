"""DCMTK's programs are found, and not those of the same names that pynetdicom brings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools.dcmtk import find_program


def test_a_program_beside_the_interpreter_is_not_dcmtk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside, elsewhere = tmp_path / "venv", tmp_path / "bin"
    for folder in (beside, elsewhere):
        folder.mkdir()
        (folder / "storescp").write_text("#!/bin/sh\n")
        (folder / "storescp").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    monkeypatch.setenv("PATH", os.pathsep.join([str(beside), str(elsewhere)]))
    assert find_program("storescp") == str(elsewhere / "storescp")
    monkeypatch.setenv("PATH", str(beside))
    assert find_program("storescp") is None
