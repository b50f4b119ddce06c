"""`idas monitor` against a scripted node."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode
from tests.dashboard.monitor.samples import WHOLE


def test_every_view_is_printed_once(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"overview": [{"result": WHOLE}]}):
        typed = idas("monitor", tmp_path, "--once")
    assert typed.status == 0
    assert "== transfers ==" in typed.stdout
    assert "canary" not in typed.stdout


def test_a_picture_is_written_to_a_file(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"overview": [{"result": WHOLE}]}):
        typed = idas("monitor", tmp_path, "--svg", tmp_path / "node.svg")
    assert typed.status == 0
    assert (tmp_path / "node.svg").read_text("utf-8").startswith("<svg")


def test_a_program_gets_the_nodes_answer(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"overview": [{"result": WHOLE}]}):
        assert idas("monitor", tmp_path, "--json").document == WHOLE


def test_a_node_that_does_not_run_is_told_before_the_screen_is_taken(idas: Type, tmp_path: Path) -> None:
    typed = idas("monitor", tmp_path)
    assert (typed.status, "idas run" in typed.stderr) == (1, True)
