"""The latest events."""

from __future__ import annotations

import logging

from idas_p2p.node.recent import KEPT, RecentEvents


def record(name: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("idas_p2p", logging.WARNING, __file__, 1, name, None, None)
    made.__dict__.update(extra)
    return made


def test_an_event_is_kept_with_its_level_and_fields() -> None:
    recent = RecentEvents()
    recent.emit(record("link_opened", fields={"count": 2, "path": "direct"}))
    (one,) = recent.latest()
    assert (one["event"], one["level"], one["fields"]) == ("link_opened", "warning", {"count": 2, "path": "direct"})


def test_what_a_library_says_is_not_kept_for_it_may_hold_patient_data() -> None:
    recent = RecentEvents()
    recent.emit(record("Miller^Ann"))
    assert recent.latest() == []


def test_only_the_latest_are_kept() -> None:
    recent = RecentEvents()
    for number in range(KEPT + 10):
        recent.emit(record(f"event_{number}", fields={}))
    assert [len(recent.latest()), recent.latest()[0]["event"]] == [KEPT, "event_10"]
