"""Everybody runs in turn, and one that fails spoils nobody else's figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from tools.bench.competitors import Changed, Competitor, Run
from tools.bench.rounds import compete, schedule


class Runner:
    """A competitor without a course: what it does is given."""

    def __init__(self, does: Callable[[Mapping[str, Run]], Run]) -> None:
        self.run = does


def compete_with(runs: int, **does: Callable[[Mapping[str, Run]], Run]) -> dict[str, list[float] | str]:
    runners = {name: cast(Competitor, Runner(what)) for name, what in does.items()}
    results = compete(runners, runs)
    return {name: one.error or [run.seconds for run in one.runs] for name, one in results.items()}


def test_each_round_holds_every_name_and_begins_with_another() -> None:
    assert list(schedule(["a", "b", "c"], 4)) == [*"abc", *"bca", *"cab", *"abc"]


def test_competitors_run_alternately_and_not_in_blocks() -> None:
    order: list[str] = []

    def noting(name: str) -> Callable[[Mapping[str, Run]], Run]:
        def run(latest: Mapping[str, Run]) -> Run:
            order.append(name)
            return Run(seconds=1.0)

        return run

    compete_with(2, ours=noting("ours"), theirs=noting("theirs"))
    assert order == ["ours", "theirs", "theirs", "ours"]


def test_one_that_changes_an_image_has_no_time_and_does_not_run_again() -> None:
    tried: list[int] = []

    def lose(latest: Mapping[str, Run]) -> Run:
        tried.append(1)
        raise Changed("3 of 4 data sets")

    results = compete_with(3, ours=lambda latest: Run(seconds=2.0), loser=lose)
    assert results == {"ours": [2.0, 2.0, 2.0], "loser": "Changed: 3 of 4 data sets"}
    assert len(tried) == 1


def test_a_competitor_is_told_what_ours_did_latest() -> None:
    results = compete_with(
        1,
        ours=lambda latest: Run(seconds=1.0, coded_bytes=7),
        theirs=lambda latest: Run(seconds=float(latest["ours"].coded_bytes or 0)),
    )
    assert results["theirs"] == [7.0]
