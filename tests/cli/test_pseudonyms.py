"""`idas pseudonym` against a scripted node."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from idas_p2p.node.audit_questions import reader
from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode

MEANS = {"means": [{"kind": "patient", "original": "P-1\x1b[2J"}]}


def test_a_pseudonym_is_revealed_by_the_node_which_is_told_who_asks(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"pseudonym_reveal": [{"result": MEANS}]}) as node:
        typed = idas("pseudonym", "reveal", tmp_path, "OVGOOF4GRMC7WI44")
    assert typed.stdout == "patient P-1\\x1b[2J\n"
    asked = {"pseudonym": "OVGOOF4GRMC7WI44", "user": reader()}
    assert node.requests == [{"command": "pseudonym_reveal", "arguments": asked}]


def test_the_key_of_a_project_is_printed_alone_so_that_it_can_be_passed_on(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"pseudonym_key": [{"result": {"project": "liver", "key": "abc"}}]}):
        assert idas("pseudonym", "key", tmp_path, "liver").stdout == "abc\n"


def test_the_key_of_another_node_is_read_from_stdin(
    idas: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("abc\n"))
    with ScriptedNode(tmp_path, {"pseudonym_share": [{"result": {"project": "liver"}}]}) as node:
        typed = idas("pseudonym", "key", tmp_path, "liver", "--stdin", "--json")
    assert typed.document == {"project": "liver"}
    assert node.requests[0]["arguments"]["key"] == "abc\n"


def test_without_a_running_node_nothing_is_revealed(idas: Type, node_folder: Path) -> None:
    typed = idas("pseudonym", "reveal", node_folder, "OVGOOF4GRMC7WI44")
    assert typed.status == 1
    assert "needs the node to run" in typed.stderr
