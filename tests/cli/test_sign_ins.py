"""`idas login`, `idas logout`: what is asked of the running node, and what is said."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode

SESSION = {"aet": "VIEWER", "user": "dr-lee", "until": 1_800_000_000.0}


def test_a_login_takes_the_password_from_stdin_once_and_says_until_when_it_holds(
    idas: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    with ScriptedNode(tmp_path, {"login": [{"result": SESSION}]}) as node:
        typed = idas("login", tmp_path, "--aet", "VIEWER", "--user", "dr-lee", "--for", "2h", "--password-stdin")
    (asked,) = node.requests
    assert asked["arguments"] == {"aet": "VIEWER", "user": "dr-lee", "password": "correct horse", "seconds": 7_200.0}
    assert typed.status == 0
    assert "dr-lee is signed in at VIEWER until 2027-01-1" in typed.stderr
    assert "correct horse" not in typed.stdout + typed.stderr


def test_a_logout_names_the_workstation(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"logout": [{"result": {"aet": "VIEWER"}}]}) as node:
        typed = idas("logout", tmp_path, "--aet", "VIEWER", "--json")
    assert node.requests[0]["arguments"] == typed.document == {"aet": "VIEWER"}


def test_signing_in_needs_the_node_to_run(idas: Type, node_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    typed = idas("login", node_folder, "--aet", "VIEWER", "--user", "dr-lee", "--password-stdin")
    assert typed.status == 1
    assert "needs the node to run" in typed.stderr
