"""What configuration commands do after their change: the running node takes it over."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.cli.configuration import load_config
from idas_p2p.errors import BadConfiguration
from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode

ADD = ("--aet", "VIEWER", "--address", "192.0.2.20:11112")


def test_a_change_waits_for_the_start_when_the_node_does_not_run(idas: Type, node_folder: Path) -> None:
    typed = idas("workstation", "add", node_folder, *ADD, "--json")
    assert typed.status == 0
    assert typed.stderr == "workstation VIEWER added; takes effect when the node starts\n"
    assert typed.document["in_effect"] is False


def test_a_running_node_is_told_to_take_the_change_over(idas: Type, node_folder: Path) -> None:
    with ScriptedNode(node_folder, {"reload": [{"result": {}}]}) as node:
        typed = idas("workstation", "add", node_folder, *ADD, "--json")
    assert node.commands == ["reload"]
    assert typed.status == 0
    assert typed.stderr == "workstation VIEWER added; in effect now\n"
    assert typed.document["in_effect"] is True


def test_a_node_that_cannot_take_it_over_makes_the_command_fail(idas: Type, node_folder: Path) -> None:
    error = {"code": "user.configuration", "message": "", "detail": "archive pacs"}
    with ScriptedNode(node_folder, {"reload": [{"error": error}]}):
        typed = idas("workstation", "add", node_folder, *ADD)
    assert typed.status == 1
    assert "did not take it over; restart it" in typed.stderr
    assert "idas: archive pacs. The configuration has an error." in typed.stderr


def test_a_folder_without_a_node_is_refused_before_a_database_is_made(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="idas init"):
        load_config(tmp_path)
    assert list(tmp_path.iterdir()) == []
