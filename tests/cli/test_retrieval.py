"""`idas find` and `idas get` against a scripted node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Type, run_idas
from tests.cli.scripted_node import ScriptedNode

UID = "1.2.826.0.1.3680043.8.498.1"
STUDY = {
    "StudyInstanceUID": UID,
    "PatientName": "Miller^Ann\x1b[31m",
    "PatientID": "123",
    "StudyDate": "20240131",
    "Holders": ["City Hospital", "Lake\x07 Clinic"],
}
RETRIEVED = {
    "study_uid": UID,
    "instances": 2,
    "failed": [],
    "bytes": 2_000_000,
    "wire_bytes": 600_000,
    "seconds": 1.25,
    "path": "direct",
    "holders": ["City Hospital"],
}


def test_find_asks_the_node_for_keys_and_user(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"find": [{"result": {"studies": [], "unanswered": []}}]}) as node:
        typed = idas("find", tmp_path, "PatientID=123", "--user", "dr-lee", "StudyDate=20240101-")
    assert typed.status == 0
    assert node.requests[0]["arguments"] == {
        "keys": {"PatientID": "123", "StudyDate": "20240101-"},
        "user": "dr-lee",
    }


def test_find_prints_one_document_with_holders_and_unanswered(idas: Type, tmp_path: Path) -> None:
    answer = {"studies": [STUDY], "unanswered": []}
    with ScriptedNode(tmp_path, {"find": [{"result": answer}]}):
        typed = idas("find", tmp_path, "PatientID=123", "--json")
    assert (typed.status, typed.document, typed.stderr) == (0, answer, "")


def test_find_shows_a_person_a_table_with_hostile_names_escaped(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"find": [{"result": {"studies": [STUDY], "unanswered": []}}]}):
        typed = idas("find", tmp_path)
    assert f"City Hospital, Lake\\x07 Clinic  {UID}" in typed.stdout
    assert "Miller^Ann\\x1b[31m" in typed.stdout
    assert not {"\x1b", "\x07"} & set(typed.stdout)


def test_find_with_a_node_that_did_not_answer_is_not_all_that_was_asked(idas: Type, tmp_path: Path) -> None:
    answer = {"studies": [STUDY], "unanswered": ["Lake\x1b Clinic"]}
    with ScriptedNode(tmp_path, {"find": [{"result": answer}]}):
        typed = idas("find", tmp_path, "--json")
    assert typed.status == 1
    assert typed.document == answer
    assert typed.stderr == "idas: the list may be incomplete; no answer from Lake\\x1b Clinic\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["PatientShoeSize=44"], "known are StudyInstanceUID, PatientID"),
        (["StudyDate=yesterday"], "YYYYMMDD"),
        (["PatientID=1", "PatientID=2"], "given twice"),
        (["PatientID"], "KEYWORD=VALUE"),
    ],
)
def test_a_query_that_cannot_be_understood_is_a_usage_error(
    idas: Type, tmp_path: Path, words: list[str], reason: str
) -> None:
    typed = idas("find", tmp_path, *words)
    assert typed.status == 2
    assert reason in typed.stderr


@pytest.mark.parametrize(
    ("option", "value", "sent"), [("--out", "/srv/study", {"out": "/srv/study"}), ("--to", "VIEWER", {"to": "VIEWER"})]
)
def test_get_sends_the_study_into_a_folder_or_to_a_workstation(
    idas: Type, tmp_path: Path, option: str, value: str, sent: dict[str, Any]
) -> None:
    lines = [{"progress": {"instances": 1, "total": 2}}, {"result": RETRIEVED}]
    with ScriptedNode(tmp_path, {"get": lines}) as node:
        typed = idas("get", tmp_path, UID, option, value, "--json")
    assert (typed.status, typed.document, typed.stderr) == (0, RETRIEVED, "")
    assert node.requests[0]["arguments"] == {"study_uid": UID, "user": None, "priority": "medium", **sent}


def test_get_says_how_urgent_it_is(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"get": [{"result": RETRIEVED}]}) as node:
        idas("get", tmp_path, UID, "--to", "VIEWER", "--priority", "high")
    assert node.requests[0]["arguments"]["priority"] == "high"


def test_get_tells_a_person_what_came_how_fast_and_from_where(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"get": [{"result": RETRIEVED}]}):
        typed = idas("get", tmp_path, UID, "--to", "VIEWER")
    assert typed.stdout == "2 images, 2 MB (600 kB on the wire) in 1.25 s, direct, from City Hospital\n"


def test_get_with_a_failed_instance_is_not_all_that_was_asked(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"get": [{"result": {**RETRIEVED, "failed": ["1.2.3"]}}]}):
        typed = idas("get", tmp_path, UID, "--to", "VIEWER", "--json")
    assert typed.status == 1
    assert typed.document["failed"] == ["1.2.3"]
    assert typed.stderr.startswith("idas: 1 instance failed")


def test_get_reports_the_nodes_error_in_a_sentence(tmp_path: Path) -> None:
    error = {"code": "remote.study_not_found", "message": "…", "detail": ""}
    with ScriptedNode(tmp_path, {"get": [{"progress": {}}, {"error": error}]}):
        typed = run_idas("get", tmp_path, UID, "--to", "VIEWER")
    assert (typed.status, typed.stdout) == (1, "")
    assert typed.stderr.startswith("idas: Nobody in the federation offers this study to you.")


@pytest.mark.parametrize("words", [[UID], [UID, "--out", "a", "--to", "B"], ["not-a-uid", "--to", "B"]])
def test_get_without_one_target_or_a_uid_is_a_usage_error(idas: Type, tmp_path: Path, words: list[str]) -> None:
    assert idas("get", tmp_path, *words).status == 2


def test_get_refuses_a_file_where_a_folder_is_needed(idas: Type, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    typed = idas("get", tmp_path, UID, "--out", tmp_path / "file")
    assert typed.status == 1
    assert "is a file" in typed.stderr
