"""`idas status|peers|transfers|studies` against a scripted node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode

RESULTS: dict[str, dict[str, Any]] = {
    "status": {"institution": "City\x1b", "aet": "IDAS"},
    "peers": {"peers": [{"institution": "Lake", "state": "connected"}]},
    "transfers": {"transfers": [{"number": 7, "direction": "in", "state": "done"}]},
    "studies": {"studies": [{"PatientName": "Miller^Ann", "StudyInstanceUID": "1.2.3"}]},
}
SHOWN = {"status": "City\\x1b", "peers": "Lake", "transfers": "done", "studies": "Miller^Ann"}


@pytest.mark.parametrize("command", RESULTS)
def test_a_program_gets_the_nodes_answer_as_it_is(idas: Type, tmp_path: Path, command: str) -> None:
    with ScriptedNode(tmp_path, {command: [{"result": RESULTS[command]}]}):
        typed = idas(command, tmp_path, "--json")
    assert (typed.status, typed.document, typed.stderr) == (0, RESULTS[command], "")


@pytest.mark.parametrize("command", RESULTS)
def test_a_person_gets_a_picture_of_it(idas: Type, tmp_path: Path, command: str) -> None:
    with ScriptedNode(tmp_path, {command: [{"result": RESULTS[command]}]}):
        typed = idas(command, tmp_path)
    assert (typed.status, typed.stderr) == (0, "")
    assert SHOWN[command] in typed.stdout


@pytest.mark.parametrize("command", RESULTS)
def test_a_view_needs_the_node_to_run(idas: Type, tmp_path: Path, command: str) -> None:
    assert idas(command, tmp_path).status == 1
