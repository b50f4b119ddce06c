"""What the dashboard shows, held between two answers of the node."""

from __future__ import annotations

from idas_p2p.dashboard.monitor.snapshot import Snapshot
from tests.dashboard.monitor.samples import NOW, SNAPSHOT


def test_a_pulse_renews_its_parts_and_keeps_the_rest() -> None:
    renewed = SNAPSHOT.with_pulse({"transfers": []}, now=NOW + 1)
    assert (renewed.rows("transfers"), renewed.status, renewed.taken_at) == ([], SNAPSHOT.status, NOW + 1)


def test_a_node_that_does_not_answer_keeps_what_was_known_until_it_does() -> None:
    lost = SNAPSHOT.without_answer("gone")
    assert (lost.trouble, lost.status) == ("gone", SNAPSHOT.status)
    assert lost.with_pulse({}, now=NOW).trouble == ""


def test_an_answer_of_another_form_is_empty() -> None:
    odd = Snapshot({"status": 7, "peers": "none", "log": [1, "two", {"event": "three"}]})
    assert (odd.status, odd.rows("peers"), odd.rows("log")) == ({}, [], [{"event": "three"}])
