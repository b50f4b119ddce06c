"""What administrators type, against a scripted node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode

ANNA, BERT = ({"node_id": letter * 52, "institution": name} for letter, name in (("a", "Anna"), ("b", "Bert\x1b")))


@pytest.mark.parametrize(
    ("words", "command", "arguments"),
    [
        (["admins", "DIR"], "federation_admins", {}),
        (["admin", "add", "DIR", "Bert"], "federation_admin", {"act": "add", "node": "Bert"}),
        (["admin", "remove", "DIR", "Bert"], "federation_admin", {"act": "remove", "node": "Bert"}),
        (["invitations", "DIR"], "federation_invitations", {}),
        (["revoke", "DIR", "3fa9c21b"], "federation_revoke", {"invitation": "3fa9c21b"}),
        (["requests", "DIR"], "federation_requests", {}),
        (["approve", "DIR", "Bert"], "federation_approve", {"node": "Bert"}),
        (["refuse", "DIR", "Bert"], "federation_refuse", {"node": "Bert"}),
        (["members", "DIR", "--federation", "Lake"], "federation_members", {"federation": "Lake"}),
        (
            ["admin", "add", "DIR", "Bert", "--federation", "Lake"],
            "federation_admin",
            {"act": "add", "node": "Bert", "federation": "Lake"},
        ),
    ],
)
def test_each_command_asks_the_node_with_what_was_typed(
    idas: Type, tmp_path: Path, words: list[str], command: str, arguments: dict[str, Any]
) -> None:
    with ScriptedNode(tmp_path, {command: [{"result": {"epoch": 3}}]}) as node:
        typed = idas("federation", *(tmp_path if word == "DIR" else word for word in words), "--json")
    assert typed.status == 0
    assert typed.document == {"epoch": 3}
    assert node.requests == [{"command": command, "arguments": arguments}]


@pytest.mark.parametrize(
    ("act", "result", "words"),
    [
        ("add", {"missing": 1}, "1 more needed"),
        ("add", {"missing": 0}, "Bert is an administrator now"),
        ("remove", {"missing": 0}, "Bert is an administrator no longer"),
        ("remove", {"missing": 0, "own": True}, "another administrator's node hears of it"),
        ("add", {"missing": 0, "admins": 2}, "with three it takes two"),
    ],
)
def test_a_vote_says_what_it_did(idas: Type, tmp_path: Path, act: str, result: dict[str, Any], words: str) -> None:
    with ScriptedNode(tmp_path, {"federation_admin": [{"result": result}]}):
        assert words in idas("federation", "admin", act, tmp_path, "Bert").stderr


def test_admins_and_votes_invitations_and_requests_are_shown_escaped(idas: Type, tmp_path: Path) -> None:
    vote = {"act": "remove", **BERT, "votes": [ANNA], "missing": 1}
    invitation = {"label": "3fa9c21b", "expires": 1_800_000_000, "uses_left": 2, "used": True, "approval": False}
    results = {
        "federation_admins": {"admins": [{**ANNA, "self": True}, BERT], "proposals": [vote]},
        "federation_invitations": {"invitations": [invitation]},
        "federation_requests": {"requests": [{**BERT, "asked": 1_800_000_000}]},
    }
    with ScriptedNode(tmp_path, {name: [{"result": result}] for name, result in results.items()}):
        shown = {name: idas("federation", name, tmp_path).stdout for name in ("admins", "invitations", "requests")}
    assert "remove Bert\\x1b" in shown["admins"]
    assert "3fa9c21b  2027-01-15 08:00 UTC" in shown["invitations"]
    assert "Bert\\x1b" in shown["requests"]


@pytest.mark.parametrize(("admins", "is_said"), [(1, True), (2, False)])
def test_a_federation_with_one_admin_is_warned_of_and_a_second_is_offered(
    idas: Type, tmp_path: Path, admins: int, is_said: bool
) -> None:
    members = [{**ANNA, "admin": True}, {**BERT, "admin": admins == 2}]
    with ScriptedNode(tmp_path, {"federation_members": [{"result": {"members": members}}]}):
        typed = idas("federation", "members", tmp_path)
    assert ("idas federation admin add" in typed.stderr) is is_said
