"""`idas break-glass`, `idas emergency list|end`: what is asked of the running node, and what is said."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode

ROW = {
    "number": 3,
    "side": "requester",
    "state": "open",
    "institution": "Lake Clinic",
    "user": "dr-lee",
    "patient_id": "4711",
    "issuer": "",
    "reason": "unconscious",
    "until": 1_800_000_000,
}


def test_a_reason_is_needed_and_told(idas: Type, tmp_path: Path) -> None:
    assert idas("break-glass", tmp_path, "4711").status == 2
    answer = {"opened": [ROW], "refused": ["Hill Clinic"], "unanswered": []}
    with ScriptedNode(tmp_path, {"break_glass": [{"result": answer}]}) as node:
        typed = idas("break-glass", tmp_path, "4711", "--issuer", "City", "--reason", "unconscious", "--user", "dr-lee")
    wanted = {"patient_id": "4711", "issuer": "City", "reason": "unconscious", "user": "dr-lee"}
    assert node.requests[0]["arguments"] == wanted
    assert typed.status == 0
    assert "Lake Clinic" in typed.stdout
    assert "recorded at both sides" in typed.stderr


def test_who_did_not_answer_is_named(idas: Type, tmp_path: Path) -> None:
    answer = {"opened": [ROW], "refused": [], "unanswered": ["Hill Clinic"]}
    with ScriptedNode(tmp_path, {"break_glass": [{"result": answer}]}):
        typed = idas("break-glass", tmp_path, "4711", "--reason", "unconscious", "--json")
    assert typed.status == 1
    assert "Hill Clinic" in typed.stderr
    assert typed.document["opened"][0]["number"] == 3


def test_emergencies_are_listed_and_ended_by_number(idas: Type, tmp_path: Path) -> None:
    script = {"emergencies": [{"result": {"emergencies": [ROW]}}], "emergency_end": [{"result": ROW}]}
    with ScriptedNode(tmp_path, script) as node:
        listed = idas("emergency", "list", tmp_path)
        ended = idas("emergency", "end", tmp_path, 3, "--json")
    assert "unconscious" in listed.stdout
    assert "of ours, there" in listed.stdout
    assert ended.document["number"] == 3
    assert node.requests[1]["arguments"] == {"number": 3}
