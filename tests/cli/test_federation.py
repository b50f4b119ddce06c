"""`idas federation` and `idas join` against a scripted node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode

CODE = "IDAS2-4F7K2M-9QWXTB"


@pytest.mark.parametrize(
    ("words", "command", "arguments"),
    [
        (["federation", "create", "DIR", "Lake Region"], "federation_create", {"name": "Lake Region"}),
        (
            ["federation", "invite", "DIR"],
            "federation_invite",
            {"expires_seconds": 604_800.0, "uses": 1, "approval": False},
        ),
        (
            ["federation", "invite", "DIR", "--expires", "1h", "--uses", "3", "--approval"],
            "federation_invite",
            {"expires_seconds": 3_600.0, "uses": 3, "approval": True},
        ),
        (["federation", "members", "DIR"], "federation_members", {}),
        (["federation", "remove", "DIR", "Old Clinic"], "federation_remove", {"node": "Old Clinic"}),
        (["federation", "leave", "DIR"], "federation_leave", {}),
        (["join", "DIR", CODE], "join", {"code": CODE}),
    ],
)
def test_each_command_asks_the_node_with_what_was_typed(
    idas: Type, tmp_path: Path, words: list[str], command: str, arguments: dict[str, Any]
) -> None:
    result = {"federation": "Lake Region", "code": CODE, "members": []}
    with ScriptedNode(tmp_path, {command: [{"result": result}]}) as node:
        typed = idas(*(tmp_path if word == "DIR" else word for word in words), "--json")
    assert typed.status == 0
    assert typed.document == result
    assert node.requests == [{"command": command, "arguments": arguments}]


def test_the_invitation_code_stands_alone_on_stdout_for_scripts(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"federation_invite": [{"result": {"code": CODE}}]}):
        typed = idas("federation", "invite", tmp_path)
    assert typed.stdout == f"{CODE}\n"
    assert "idas join" in typed.stderr


@pytest.mark.parametrize(("kept_by", "is_said"), [(0, True), (1, False)])
def test_a_code_that_no_other_node_keeps_is_not_printed_without_saying_so(
    idas: Type, tmp_path: Path, kept_by: int, is_said: bool
) -> None:
    result = {"code": CODE, "label": "3fa9c21b", "kept_by": kept_by}
    with ScriptedNode(tmp_path, {"federation_invite": [{"result": result}]}):
        typed = idas("federation", "invite", tmp_path)
    assert ("no other node keeps this invitation" in typed.stderr) is is_said
    assert "idas federation revoke DIR 3fa9c21b" in typed.stderr
    assert typed.stdout == f"{CODE}\n"


def test_a_node_that_waits_for_approval_is_told_so_and_is_not_done(idas: Type, tmp_path: Path) -> None:
    error = {"code": "user.awaiting_approval", "message": "The administrator has to approve.", "detail": ""}
    with ScriptedNode(tmp_path, {"join": [{"error": error}]}):
        typed = idas("join", tmp_path, CODE)
    assert typed.status == 1
    assert "approve" in typed.stderr


def test_members_are_shown_with_their_role_and_escaped(idas: Type, tmp_path: Path) -> None:
    members = [
        {"node_id": "a" * 52, "institution": "City", "admin": True, "self": True},
        {"node_id": "b" * 52, "institution": "Lake\x1b", "admin": False, "self": False},
    ]
    with ScriptedNode(tmp_path, {"federation_members": [{"result": {"members": members}}]}):
        shown = idas("federation", "members", tmp_path).stdout
    assert "City         administrator, this node" in shown
    assert "Lake\\x1b" in shown
    assert "b" * 52 in shown


@pytest.mark.parametrize("words", [["federation", "invite"], ["join"], ["federation", "members"]])
def test_without_a_running_node_they_say_so(idas: Type, tmp_path: Path, words: list[str]) -> None:
    code = [CODE] if words == ["join"] else []
    typed = idas(*words, tmp_path, *code)
    assert typed.status == 1
    assert "needs the node to run" in typed.stderr
