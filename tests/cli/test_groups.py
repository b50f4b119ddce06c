"""`idas group`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Type, run_idas


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
