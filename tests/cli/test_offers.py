from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.node.audit_questions import reader
from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode

OFFER = {
    "number": 3,
    "institution": "City\x1b[2J",
    "state": "waiting",
    "level": "full",
    "user": "lee",
    "note": "why",
    "expires": 1_900_000_000.0,
    "study": {"PatientName": "DOE^J", "StudyDate": "20240101", "ModalitiesInStudy": "CT"},
}


@pytest.mark.parametrize(("state", "word"), [("offered", "it decides"), ("waiting", "did not answer yet")])
def test_it_is_said_whether_an_offer_has_arrived(idas: Type, tmp_path: Path, state: str, word: str) -> None:
    answer = {"result": {**OFFER, "state": state}}
    with ScriptedNode(tmp_path, {"send": [answer]}) as node:
        typed = idas("send", tmp_path, "1.2.3", "--to", "City", "--note", "why", "--expires", "2d")
    assert word in typed.stderr
    assert "\x1b" not in typed.stderr
    assert node.requests[0]["arguments"] == {
        "study_uid": "1.2.3",
        "to": "City",
        "note": "why",
        "user": reader(),
        "level": "",
        "expires_seconds": 2 * 86_400.0,
    }


@pytest.mark.parametrize(("words", "command"), [(("inbox", "list"), "inbox"), (("sent",), "sent")])
def test_offers_are_listed(idas: Type, tmp_path: Path, words: tuple[str, ...], command: str) -> None:
    with ScriptedNode(tmp_path, {command: [{"result": {"offers": [OFFER]}}]}):
        typed = idas(*words, tmp_path)
    assert "DOE^J" in typed.stdout
    assert "\x1b[2J" not in typed.stdout


def test_a_decision_names_who_decides(idas: Type, tmp_path: Path) -> None:
    script = {"inbox_accept": [{"result": OFFER}], "inbox_refuse": [{"result": OFFER}]}
    with ScriptedNode(tmp_path, script) as node:
        idas("inbox", "accept", tmp_path, "3", "--to", "VIEWER")
        typed = idas("inbox", "refuse", tmp_path, "3", "--json")
    assert typed.document["number"] == 3
    assert [request["arguments"] for request in node.requests] == [
        {"number": 3, "user": reader(), "to": "VIEWER"},
        {"number": 3, "user": reader()},
    ]


def test_kept_exams_are_listed_and_removed(idas: Type, tmp_path: Path) -> None:
    kept = {"kept": [{"study_uid": "1.2", "institution": "City", "why": "prior", "instances": 3, "expires": 1.9e9}]}
    script = {"kept": [{"result": kept}], "kept_remove": [{"result": {"study_uid": "1.2"}}]}
    with ScriptedNode(tmp_path, script) as node:
        assert "prior" in idas("kept", "list", tmp_path).stdout
        idas("kept", "remove", tmp_path, "1.2")
    assert node.commands == ["kept", "kept_remove"]
