"""Events reach the log with allowed fields only, and failures without the text of an exception."""

from __future__ import annotations

import logging

import pytest

from idas_p2p.errors import NotLoggable
from idas_p2p.events import LOG_FIELDS, log_event, log_failure


def fields(record: logging.LogRecord) -> dict[str, object]:
    value: dict[str, object] = vars(record)["fields"]
    return value


def test_an_event_carries_its_fields_apart_from_its_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "idas_p2p")
    log_event("study_sent", peer="abc", bytes=12)
    (record,) = caplog.records
    assert record.getMessage() == "study_sent"
    assert fields(record) == {"peer": "abc", "bytes": 12}


def test_a_field_that_is_not_allowed_is_a_bug_not_a_style() -> None:
    with pytest.raises(NotLoggable, match="patient_name"):
        log_event("study_sent", patient_name="Doe")


@pytest.mark.parametrize("word", ["patient", "name", "study", "uid", "aet", "accession", "user", "text", "message"])
def test_no_allowed_field_invites_identifying_text(word: str) -> None:
    assert word not in LOG_FIELDS


def test_a_failure_is_logged_by_type_and_place_never_by_its_text(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("CANARY^PATIENT")
    except ValueError as error:
        log_failure("task_failed", error, task="harvest")
    (record,) = caplog.records
    assert fields(record)["reason"] == "ValueError"
    assert "test_events.py:" in str(fields(record)["where"])
    assert "CANARY" not in caplog.text + str(vars(record))
