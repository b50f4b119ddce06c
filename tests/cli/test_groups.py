"""`idas group`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Type, run_idas
from tests.cli.scripted_node import ScriptedNode


def test_members_put_into_a_group_join_those_it_has(node_folder: Path) -> None:
    assert run_idas("group", "add", node_folder, "radiology", "dr-moss", "dr-lee").status == 0
    assert run_idas("group", "add", node_folder, "radiology", "St. John's (North)", "dr-lee").status == 0
    listed = run_idas("group", "list", node_folder, "--json")
    members = ["St. John's (North)", "dr-lee", "dr-moss"]
    assert listed.document == {"groups": [{"name": "radiology", "members": members}]}


def test_a_group_without_members_is_a_usage_error(idas: Type, node_folder: Path) -> None:
    assert idas("group", "add", node_folder, "radiology").status == 2


def test_no_group_yet_is_told_to_a_person(idas: Type, node_folder: Path) -> None:
    assert "No group yet" in idas("group", "list", node_folder).stdout


def test_members_leave_a_group_and_a_group_is_dropped(idas: Type, node_folder: Path) -> None:
    idas("group", "add", node_folder, "radiology", "dr-lee", "dr-moss")
    assert idas("group", "remove", node_folder, "radiology", "dr-moss").status == 0
    assert idas("group", "list", node_folder, "--json").document["groups"] == [
        {"name": "radiology", "members": ["dr-lee"]}
    ]
    assert idas("group", "remove", node_folder, "radiology").status == 0
    assert idas("group", "remove", node_folder, "radiology").status == 1


@pytest.mark.parametrize(("words", "withdrawn"), [((), False), (("--remove",), True)])
def test_an_administrator_says_who_is_in_a_group_and_takes_it_back(
    idas: Type, tmp_path: Path, words: tuple[str, ...], withdrawn: bool
) -> None:
    with ScriptedNode(tmp_path, {"group_say": [{"result": {"group": "lake", "members": ["abc"]}}]}) as node:
        typed = idas("group", "nodes", tmp_path, "lake", "Hill Clinic", "--expires", "30d", *words)
    assert typed.status == 0
    assert node.requests[0]["arguments"] == {
        "kind": "nodes",
        "group": "lake",
        "members": ["Hill Clinic"],
        "expires_seconds": 30 * 86_400.0,
        "withdrawn": withdrawn,
    }


def test_what_a_node_says_is_listed(idas: Type, tmp_path: Path) -> None:
    row = {"kind": "user", "group": "radiology", "member": "dr-lee", "until": 2e9, "withdrawn": False, "stored": True}
    with ScriptedNode(tmp_path, {"group_tokens": [{"result": {"tokens": [row]}}]}):
        assert "dr-lee" in idas("group", "tokens", tmp_path).stdout
