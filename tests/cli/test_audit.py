"""`idas audit` on the folder of a node that does not run, and beside one that does."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from idas_p2p.clock import SystemClock
from idas_p2p.node.audit_questions import note_while_stopped
from idas_p2p.node.config import NodeConfig
from idas_p2p.store.audit_log import segments
from tests.access.audit.logs import some_events
from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode


@pytest.fixture
def logged(node_folder: Path) -> Path:
    """A node's folder whose log has nine records of three patients."""
    for event in some_events(9):
        note_while_stopped(NodeConfig.load(node_folder), event, clock=SystemClock())
    return node_folder


def test_who_saw_a_patient_is_answered_for_people_and_programs(idas: Type, logged: Path) -> None:
    typed = idas("audit", "who-saw", logged, "--patient", "P1", "--json")
    assert typed.status == 0
    assert [(one["saw"], one["user"]) for one in typed.document["accesses"]] == [
        ("listed", "dr-lee"),
        ("images, end unknown", "dr-lee"),
    ]
    shown = idas("audit", "who-saw", logged, "--study", "1.2.1")
    assert "dr-lee at VIEWER" in shown.stdout


def test_who_saw_whom_must_be_said(idas: Type, logged: Path) -> None:
    assert idas("audit", "who-saw", logged).status == 2


@pytest.mark.parametrize(
    ("conditions", "count"),
    [
        (("--patient", "P1"), 3),
        (("--user", "dr-lee", "--kind", "query"), 3),
        (("--kind", "query", "--kind", "shown"), 6),
        (("--node", "Lake Clinic", "--since", "1h"), 9),
        (("--until", "2020-01-01"), 0),
        (("--failures",), 0),
        (("--kind", "query", "--limit", "2"), 2),
    ],
)
def test_records_are_searched_by_conditions(idas: Type, logged: Path, conditions: tuple[str, ...], count: int) -> None:
    typed = idas("audit", "search", logged, *conditions, "--json")
    assert typed.status == 0
    assert len(typed.document["records"]) == count


def test_a_time_that_is_none_is_a_usage_error(idas: Type, logged: Path) -> None:
    typed = idas("audit", "search", logged, "--since", "yesterday")
    assert typed.status == 2
    assert "7d for seven days ago" in typed.stderr


def test_reading_the_log_is_recorded_in_it(idas: Type, logged: Path) -> None:
    idas("audit", "who-saw", logged, "--patient", "P1")
    found = idas("audit", "search", logged, "--kind", "log-used", "--json").document["records"]
    assert found[0]["text"] == "who-saw patient=P1"


def test_a_running_node_records_that_its_log_was_read(idas: Type, logged: Path) -> None:
    with ScriptedNode(logged, {"audit_used": [{"result": {}}]}) as node:
        assert idas("audit", "search", logged, "--json").status == 0
    assert node.commands == ["audit_used"]


def test_what_cannot_be_recorded_is_said_and_shown_all_the_same(idas: Type, logged: Path) -> None:
    error = {"code": "unreachable.audit", "message": "", "detail": "ENOSPC"}
    with ScriptedNode(logged, {"audit_used": [{"error": error}]}):
        typed = idas("audit", "search", logged, "--json")
    assert typed.status == 0
    assert "could not be recorded: ENOSPC" in typed.stderr
    assert len(typed.document["records"]) == 9


def test_a_whole_log_verifies_and_one_that_was_edited_fails_with_where(idas: Type, logged: Path) -> None:
    typed = idas("audit", "verify", logged, "--json")
    assert (typed.status, typed.document["good"], typed.document["count"]) == (0, True, 9)
    (segment,) = segments(logged / "audit")
    segment.path.write_bytes(segment.data().replace(b"dr-lee", b"dr-moe", 1))
    typed = idas("audit", "verify", logged)
    assert typed.status == 1
    assert "record 1: edited" in typed.stdout


def test_a_copy_of_the_log_can_be_verified(idas: Type, logged: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (segment,) = segments(logged / "audit")
    (copy / segment.path.name).write_bytes(segment.data())
    assert idas("audit", "verify", logged, "--log", copy).status == 0


def test_an_export_is_a_private_file_of_messages_or_documents(idas: Type, logged: Path, tmp_path: Path) -> None:
    xml, lines = tmp_path / "out.xml", tmp_path / "out.jsonl"
    assert idas("audit", "export", logged, "--out", xml, "--patient", "P1").status == 0
    assert xml.stat().st_mode & 0o777 == 0o600
    assert {ElementTree.fromstring(line).tag for line in xml.read_bytes().splitlines()} == {"AuditMessage"}
    typed = idas("audit", "export", logged, "--out", lines, "--format", "json", "--kind", "query", "--json")
    assert typed.document["lines"] == 3
    assert [json.loads(line)["kind"] for line in lines.read_text().splitlines()] == ["query"] * 3
    assert idas("audit", "export", logged, "--out", xml).status == 2


def test_a_node_without_a_log_says_when_it_begins(idas: Type, node_folder: Path) -> None:
    typed = idas("audit", "search", node_folder)
    assert typed.status == 1
    assert "when the node runs for the first time" in typed.stderr


def test_a_change_of_the_configuration_is_recorded_with_who_made_it(idas: Type, node_folder: Path) -> None:
    idas("workstation", "add", node_folder, "--aet", "VIEWER", "--address", "192.0.2.20:11112")
    (found,) = idas("audit", "search", node_folder, "--json").document["records"][:1]
    assert (found["text"], found["known_by"]) == ("workstation VIEWER added", "operator")
