"""The views of the dashboard."""

from __future__ import annotations

from typing import Any

import pytest

from idas_p2p.dashboard.monitor.snapshot import Snapshot
from idas_p2p.dashboard.monitor.views import VIEWS, heading
from tests.dashboard.monitor.samples import CANARY, NOW, RUNNING, SNAPSHOT, WHOLE
from tests.dashboard.pictures import drawn


def shown(name: str, *, reveals: bool = False, width: int = 240, **changed: Any) -> str:
    snapshot = Snapshot().with_pulse({**WHOLE, **changed}, now=NOW)
    return drawn(VIEWS[name](snapshot, reveals), width=width)


def test_what_needs_attention_comes_first() -> None:
    lines = shown("overview").splitlines()
    assert lines[0] == "FAULT disk: 0.2 GB free [disk_full]"
    assert lines[1].strip() == "→ free space"
    assert shown("overview", alerts=[]).startswith("nothing needs attention")


def test_a_running_transfer_has_its_bar_and_how_long_it_takes_yet() -> None:
    (line,) = (line for line in shown("transfers").splitlines() if line.startswith("7 from"))
    for words in ("31 of 140", "16 MB, 4 MB on the wire (4.00)", "8 MB/s, 7 s left", "relay", "━"):
        assert words in line


def test_ended_transfers_are_listed_below() -> None:
    assert "6  out  done" in shown("transfers")
    assert "no transfer under way" in shown("transfers", transfers=[])


@pytest.mark.parametrize("name", VIEWS)
def test_no_view_names_a_study_or_a_user_until_it_is_asked_to(name: str) -> None:
    assert "canary" not in shown(name)


def test_patient_data_is_shown_when_revealed() -> None:
    assert CANARY in shown("transfers", reveals=True)
    assert "dr-canary" in shown("transfers", reveals=True)


@pytest.mark.parametrize("name", VIEWS)
def test_names_of_others_cannot_steer_the_terminal(name: str) -> None:
    assert "\x1b" not in shown(name)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("width", [80, 400])
def test_every_view_fits_small_and_large_screens(name: str, width: int) -> None:
    many = {"transfers": [{**RUNNING, "number": n} for n in range(300)], "peers": WHOLE["peers"] * 300}
    assert max(map(len, shown(name, width=width, **many).splitlines())) <= width


@pytest.mark.parametrize("name", VIEWS)
def test_a_node_that_has_told_nothing_yet_has_every_view(name: str) -> None:
    assert drawn(VIEWS[name](Snapshot(), False)).strip()


def test_who_waits_and_who_was_refused_is_in_one_view() -> None:
    text = shown("access")
    for words in ("sign-in wanted: WS1 at 192.0.2.5", "Carl\\x1bClinic asks to join Lake Region", "ticket_refused"):
        assert words in text
    assert "link_opened" not in text


def test_the_heading_says_when_the_node_does_not_answer() -> None:
    assert "at " in heading(SNAPSHOT).plain
    assert "NO ANSWER: gone" in heading(SNAPSHOT.without_answer("gone")).plain
