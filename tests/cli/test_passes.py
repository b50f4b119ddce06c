"""`idas share`, `idas pass list|revoke`: what is asked of the running node, and what is said."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode

MADE = {"code": "IDASP1-ABCDEF", "label": "3fa9c21b", "expires": 1_800_000_000, "kept_by": 3}
ROW = {
    "label": "3fa9c21b",
    "study_uid": "1.2.3",
    "level": "full",
    "state": "open",
    "expires": 1_800_000_000,
    "uses": 2,
    "begun": 1,
    "done": 1,
}


def test_a_code_comes_alone_to_stdout_and_what_to_do_with_it_to_stderr(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"share": [{"result": MADE}]}) as node:
        typed = idas("share", tmp_path, "1.2.3", "--level", "obscured", "--expires", "2d", "--uses", 2)
    (asked,) = node.requests
    assert asked["arguments"] == {"study_uid": "1.2.3", "level": "obscured", "expires_seconds": 172_800.0, "uses": 2}
    assert typed.stdout == "IDASP1-ABCDEF\n"
    assert "idas pass revoke DIR 3fa9c21b" in typed.stderr
    assert "idas fetch CODE --out FOLDER" in typed.stderr
    assert "no other node keeps" not in typed.stderr


def test_who_keeps_the_pass_alone_is_told_so(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"share": [{"result": {**MADE, "kept_by": 0}}]}):
        typed = idas("share", tmp_path, "1.2.3", "--level", "full", "--json")
    assert typed.document["code"] == "IDASP1-ABCDEF"
    assert "no other node keeps" in typed.stderr


def test_a_pass_without_a_level_is_a_slip(idas: Type, tmp_path: Path) -> None:
    assert idas("share", tmp_path, "1.2.3").status == 2


def test_passes_are_listed_by_label_and_revoked_by_it(idas: Type, tmp_path: Path) -> None:
    script = {"passes": [{"result": {"passes": [ROW]}}], "pass_revoke": [{"result": {"label": "3fa9c21b"}}]}
    with ScriptedNode(tmp_path, script) as node:
        listed = idas("pass", "list", tmp_path)
        revoked = idas("pass", "revoke", tmp_path, "3fa9c21b", "--json")
    assert "3fa9c21b" in listed.stdout
    assert "1 of 2" in listed.stdout
    assert revoked.document == {"label": "3fa9c21b"}
    assert node.requests[1]["arguments"] == {"label": "3fa9c21b"}
