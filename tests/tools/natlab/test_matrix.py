"""How the matrix looks."""

from __future__ import annotations

from dataclasses import replace

from tools.natlab.kinds import Kind
from tools.natlab.matrix import failures, table, verdict
from tools.natlab.trial import Cell

CELLS = [
    Cell(holder=Kind.OPEN, asker=Kind.NAT, path="direct", arrived=True, first_s=0.24, rate_mbit=93.4),
    Cell(holder=Kind.NAT, asker=Kind.NAT, path="direct", arrived=False, reason="not found within 20 s"),
]


def test_rows_are_holders_and_a_pair_that_was_not_tried_stays_empty() -> None:
    assert [line.split() for line in table([*CELLS[:1], Cell(holder=Kind.LAN, asker=Kind.LAN)]).splitlines()] == [
        ["holder", "\\", "asker", "nat", "lan"],
        ["open", "direct", "0.2s", "93M"],
        ["lan", "-"],
    ]


def test_a_study_that_did_not_arrive_whole_has_no_path_but_a_reason() -> None:
    assert table(CELLS).splitlines()[-1].split() == ["nat", "-"]
    assert failures(CELLS) == ["nat -> nat: not found within 20 s"]


def test_a_plain_socket_and_a_pause_are_told_where_they_were_asked_for() -> None:
    cell = Cell(holder=Kind.NAT, asker=Kind.NAT, path="tcp-open", arrived=True, first_s=0.8, rate_mbit=44.0)
    assert verdict(cell) == "tcp-open 0.8s 44M"
    assert verdict(replace(cell, plain_mbit=47.0)) == "tcp-open 0.8s 44M of 47M"
    assert verdict(replace(cell, pause_s=1.2)) == "tcp-open 0.8s 44M paused 1.2s"
