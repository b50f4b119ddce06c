"""Runs become medians, ratios to ours, goals reached or missed, and a table."""

from __future__ import annotations

from typing import Any

import pytest

from tools.bench.competitors import Run
from tools.bench.report import Line, summary, table
from tools.bench.rounds import Result

WAN = Line(rate=200, rtt=80, loss=0)
LOOPBACK = Line(rate=0, rtt=0, loss=0)


def result(*seconds: float, first: float | None = None, coded: int | None = None) -> Result:
    return Result([Run(seconds=s, wire_bytes=int(s * 1000), first_image=first, coded_bytes=coded) for s in seconds])


def report(line: Line = WAN, **results: Result) -> dict[str, Any]:
    named = {name.replace("_", "-"): one for name, one in results.items()}
    data, machine = {"instances": 3, "bytes": 3_000_000}, {"processors": 2, "load_before": 0.5, "load_after": 1.5}
    return summary(named, line, data=data, machine=machine)


def test_a_ratio_is_to_the_one_of_ours_that_does_the_same_job() -> None:
    found = report(
        idas_node=result(1.0, 9.0, 2.0, coded=1), idas=result(4.0), dicomweb=result(5.0), movescu=result(20.0)
    )
    assert found["idas-node"]["median"] == 2.0
    assert found["dicomweb"]["ratio"] == 2.5
    assert (found["movescu"]["ratio"], found["movescu"]["ratio_to"]) == (5.0, "idas")
    assert found["movescu"]["wire_bytes"] == 20_000


def test_a_competitor_without_a_time_says_why_and_has_no_ratio() -> None:
    found = report(idas_node=result(1.0, coded=1), dicomweb=Result(error="Changed: 2 of 3"))
    assert found["dicomweb"] == {"words": "Orthanc DICOMweb, study retrieve", "error": "Changed: 2 of 3"}
    assert "Changed: 2 of 3" in table(found)


def test_one_failed_run_of_ours_leaves_no_ratio_to_it() -> None:
    found = report(idas_node=Result([Run(seconds=1.0, coded_bytes=1)], error="Changed"), dicomweb=result(5.0))
    assert "ratio" not in found["dicomweb"]


def test_goals_of_a_wan_are_ratios_the_line_and_the_first_image() -> None:
    found = report(
        idas_node=result(2.0, coded=25_000_000), dicomweb=result(3.9), idas=result(2.2, first=0.7), movescu=result(18.0)
    )
    values = [(goal["value"], goal["at_most"], goal["reached"]) for goal in found["goals"]]
    assert values == [
        (pytest.approx(2.0 / 3.9, abs=1e-3), 0.5, False),
        (pytest.approx(2.2 / 18.0, abs=1e-3), 0.12, False),
        (2.0, pytest.approx(1.15 * 1.0 + 0.32), False),
        (0.7, pytest.approx(0.78), True),
    ]


def test_goals_on_loopback_are_other_ones() -> None:
    found = report(LOOPBACK, idas_node=result(1.4, coded=9), tcp_sealed=result(1.0), idas=result(2), movescu=result(1))
    assert [(goal["what"], goal["reached"]) for goal in found["goals"]] == [
        ("idas-node / tcp-sealed", True),
        ("idas / movescu", False),
    ]


def test_a_line_without_ratio_goals_still_has_the_bounds_that_hold_for_any() -> None:
    found = report(Line(rate=50, rtt=30, loss=1), idas_node=result(1.0, coded=1), dicomweb=result(1.0))
    assert [goal["reached"] for goal in found["goals"]] == [False]


def test_on_a_line_faster_than_its_ends_the_line_is_no_goal() -> None:
    found = report(Line(rate=1000, rtt=20, loss=0), idas_node=result(1.0, coded=1), dicomweb=result(2.0))
    assert [goal["what"] for goal in found["goals"]] == ["idas-node / dicomweb"]


def test_lines_name_themselves_as_people_do() -> None:
    assert Line(rate=200, rtt=80, loss=0.1).words == "200 Mbit/s, 80 ms, 0.1 % loss"
    assert Line(rate=1000, rtt=20, loss=0).words == "1 Gbit/s, 20 ms"
    assert LOOPBACK.words == "loopback"


def test_the_table_tells_runs_load_and_goals() -> None:
    text = table(report(idas_node=result(1.25, 1.5, coded=1), dicomweb=result(5.0)))
    assert "200 Mbit/s, 80 ms: 3 instances, 3.0 MB" in text
    assert "2 processors, load 0.5 before, 1.5 after" in text
    assert "1.25, 1.50" in text
    assert "reached: idas-node / dicomweb: 0.28, at most 0.50" in text
