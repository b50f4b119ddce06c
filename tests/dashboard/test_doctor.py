"""What the doctor found, on a terminal."""

from __future__ import annotations

from idas_p2p.dashboard.doctor import findings_view
from tests.dashboard.pictures import drawn

FINDINGS = [
    {"part": "disk", "said": "50 GB free", "name": "", "verdict": "good", "next_step": ""},
    {
        "part": "clock",
        "said": "nobody keeps it",
        "name": "clock_unsynchronised",
        "verdict": "note",
        "next_step": "chrony",
    },
    {"part": "archive p\x1b", "said": "closed", "name": "archive_closed", "verdict": "fault", "next_step": "start it"},
]
COUNTS = {"fault": 1, "note": 1, "good": 1}


def test_the_worst_comes_first_each_with_its_next_step_and_hostile_names_escaped() -> None:
    lines = drawn(findings_view(FINDINGS, COUNTS, shows_all=False)).splitlines()
    assert [line.strip() for line in lines] == [
        "FAULT archive p\\x1b: closed [archive_closed]",
        "→ start it",
        "note  clock: nobody keeps it [clock_unsynchronised]",
        "→ chrony",
        "1 fault, 1 note, 1 well",
    ]


def test_what_is_well_is_shown_when_asked_for() -> None:
    assert "good  disk: 50 GB free" in drawn(findings_view(FINDINGS, COUNTS, shows_all=True))


def test_a_node_that_is_well_is_said_to_be() -> None:
    assert drawn(findings_view([], {"good": 9}, shows_all=False)).strip() == "all is well: 9 things looked at"


def test_a_long_next_step_stays_indented_on_a_narrow_terminal() -> None:
    one = {**FINDINGS[2], "next_step": "word " * 40}
    lines = drawn(findings_view([one], COUNTS, shows_all=False), width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert all(line.startswith("      ") for line in lines[1:-1])
