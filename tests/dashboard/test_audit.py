"""The audit log as tables and a verdict in words."""

from __future__ import annotations

from idas_p2p.access.audit.search import Wanted, accesses, document
from idas_p2p.dashboard.audit import accesses_table, records_table, verdict_text
from idas_p2p.dashboard.status import status_view
from tests.access.audit.logs import record, some_events
from tests.dashboard.pictures import drawn

RECORDS = [record(number, event) for number, event in enumerate(some_events(6), 1)]


def test_a_record_is_shown_with_who_what_and_about_whom() -> None:
    shown = drawn(records_table({"records": [document(one) for one in RECORDS]}))
    for words in ("query", "PatientID=P1", "dr-lee at VIEWER", "Lake Clinic", "1.2.1", "ok"):
        assert words in shown
    assert "No record matches." in drawn(records_table({"records": []}))


def test_an_access_tells_who_saw_what_of_whom() -> None:
    seen = list(accesses(RECORDS, Wanted(patient_id="P1"), {"1.2.1"}))
    shown = drawn(accesses_table({"accesses": seen}))
    assert "listed" in shown
    assert "1.2.1" in shown
    assert "Nobody" in drawn(accesses_table({"accesses": []}))


def test_a_user_whom_nobody_asked_to_prove_anything_is_marked() -> None:
    row = {**document(RECORDS[0]), "known_by": "title"}
    assert "dr-lee (not proved)" in drawn(records_table({"records": [row]}))


def test_what_came_from_others_is_escaped() -> None:
    row = {**document(RECORDS[0]), "institution": "Lake\x1b[31m", "text": "a\nb"}
    shown = drawn(records_table({"records": [row]}))
    assert "\x1b[31m" not in shown
    assert "Lake\\x1b" in shown


def test_a_verdict_says_what_is_wrong_and_who_has_seen_the_log() -> None:
    good = drawn(verdict_text({"good": True, "first": 1, "count": 9, "witnesses": ["abc"]}))
    assert "records 1 to 9" in good
    assert "abc" in good
    bad = drawn(
        verdict_text(
            {
                "good": False,
                "findings": [{"fault": "cut", "record": 4, "text": "records 4 to 5 are missing"}],
                "let_go": 3,
                "doubted": [{"peer": "xyz", "doubt": "rewritten"}],
            }
        )
    )
    for words in ("not what it was", "record 4: cut", "1 to 3", "xyz", "rewritten", "No other node"):
        assert words in bad


def test_the_status_says_whether_the_log_is_written_and_reaches_its_collector() -> None:
    def told(audit: dict[str, object]) -> str:
        return drawn(status_view({"audit": audit}, now=0.0))

    assert "5 records, 900 B" in told({"records": 5, "bytes": 900, "refused": 0, "collector": None})
    assert "CANNOT BE WRITTEN" in told({"records": 5, "bytes": 900, "refused": 2})
    away = told({"records": 5, "bytes": 900, "collector": {"connected": False, "delivered": 3, "error": "SSLError"}})
    assert "NOT reached: SSLError" in away
