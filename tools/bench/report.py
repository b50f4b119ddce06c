"""What the runs come to: one JSON object per competitor, goals, and the table in words. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tools.bench.competitors import ALL
from tools.bench.competitors.base import NODE_TO_NODE, WHOLE_WAY, Run
from tools.bench.rounds import Result

FIRST_IMAGE_GOAL: Final = (6, 0.3)  # round trips, and seconds
LINE_GOAL: Final = (1.15, 4)  # times the coded bytes at the line's rate, and round trips
LINE_GOAL_RATE: Final = 200  # Mbit/s; on faster lines other things than the line set the time
LOOPBACK_GOALS: Final = ((NODE_TO_NODE, "tcp-sealed", 1.5), (WHOLE_WAY, "movescu", 1.6))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The line's parameters as a person gives them."""

    rate: float  # Mbit/s in each direction; 0 is no limit
    rtt: float  # ms
    loss: float  # percent

    @property
    def is_loopback(self) -> bool:
        """Neither limit nor delay nor loss: no line at all."""
        return not (self.rate or self.rtt or self.loss)

    @property
    def words(self) -> str:
        """For tables and charts."""
        if self.is_loopback:
            return "loopback"
        rate = f"{self.rate / 1000:g} Gbit/s" if self.rate >= 1000 else f"{self.rate:g} Mbit/s"
        return f"{rate}, {self.rtt:g} ms" + (f", {self.loss:g} % loss" if self.loss else "")


# ours / theirs at most, by line: node to node against DICOMweb, whole way against C-MOVE across the WAN
GOALS: Final[Mapping[Line, tuple[float, float]]] = {
    Line(rate=200, rtt=80, loss=0): (0.50, 0.12),
    Line(rate=200, rtt=80, loss=0.1): (0.50, 0.12),
    Line(rate=20, rtt=40, loss=0): (0.40, 0.40),
    Line(rate=1000, rtt=20, loss=0): (0.80, 0.25),
}


def summary(results: Mapping[str, Result], line: Line, *, data: Any, machine: Any) -> dict[str, Any]:
    """One object per competitor by its name, and beside them `line`, `data`, `machine` and `goals`.

    A competitor's: `words`; `seconds`, a list in order of the runs; `median`; `ratio`, its median over that of the one
    of ours that does the same job; `wire_bytes`, the median of the bytes on the line, both directions. Ours have
    `coded_bytes` too, those to a workstation `first_image_s`. One without a time has `error` instead.
    """
    competitors = {name: _one(name, result, results) for name, result in results.items()}
    link = {"rate_mbit_s": line.rate, "rtt_ms": line.rtt, "loss_percent": line.loss, "words": line.words}
    return {**competitors, "link": link, "data": data, "machine": machine, "goals": goals(competitors, line)}


def _one(name: str, result: Result, results: Mapping[str, Result]) -> dict[str, Any]:
    known = ALL[name]
    if result.error is not None or not result.runs:
        return {"words": known.words, "error": result.error or "did not run"}
    median = _median(result.runs, "seconds") or 0.0
    one: dict[str, Any] = {
        "words": known.words,
        "seconds": [round(run.seconds, 3) for run in result.runs],
        "median": round(median, 3),
        "wire_bytes": _whole(_median(result.runs, "wire_bytes")),
    }
    ours = results.get(known.against)
    if ours and ours.error is None and ours.runs:
        one |= {"ratio": round(median / (_median(ours.runs, "seconds") or median), 3), "ratio_to": known.against}
    if (coded := _median(result.runs, "coded_bytes")) is not None:
        one["coded_bytes"] = _whole(coded)
    if (first := _median(result.runs, "first_image")) is not None:
        one["first_image_s"] = round(first, 3)
    return one


def goals(competitors: Mapping[str, Any], line: Line) -> list[dict[str, Any]]:
    """What was to be reached on this line, and whether it was: `what`, `value`, `at_most`, `reached`."""
    found = []
    for ours, theirs, most in ratio_goals(line):
        if all("median" in competitors.get(name, {}) for name in (ours, theirs)):
            found.append(_goal(f"{ours} / {theirs}", competitors[ours]["median"] / competitors[theirs]["median"], most))
    if line.is_loopback:
        return found
    rtt = line.rtt / 1e3
    node, whole = competitors.get(NODE_TO_NODE, {}), competitors.get(WHOLE_WAY, {})
    if 0 < line.rate <= LINE_GOAL_RATE and "median" in node:
        factor, trips = LINE_GOAL
        most = factor * node["coded_bytes"] * 8 / (line.rate * 1e6) + trips * rtt
        found.append(
            _goal(f"{NODE_TO_NODE} seconds, {factor} x coded bytes / rate + {trips} RTT", node["median"], most)
        )
    if "first_image_s" in whole:
        trips, extra = FIRST_IMAGE_GOAL
        what = f"{WHOLE_WAY} seconds to the first image, {trips} RTT + {extra} s"
        found.append(_goal(what, whole["first_image_s"], trips * rtt + extra))
    return found


def ratio_goals(line: Line) -> Sequence[tuple[str, str, float]]:
    """Ours, theirs, and the most that ours / theirs may be; empty for a line without a goal."""
    if line.is_loopback:
        return LOOPBACK_GOALS
    if line not in GOALS:
        return ()
    node, whole = GOALS[line]
    return ((NODE_TO_NODE, "dicomweb", node), (WHOLE_WAY, "movescu", whole))


def _goal(what: str, value: float, most: float) -> dict[str, Any]:
    return {"what": what, "value": round(value, 3), "at_most": round(most, 3), "reached": value <= most}


def table(report: Mapping[str, Any]) -> str:
    """The report in words."""
    data, machine = report["data"], report["machine"]
    lines = [
        f"{report['link']['words']}: {data['instances']} instances, {data['bytes'] / 1e6:.1f} MB",
        f"{machine['processors']} processors, load {machine['load_before']} before, {machine['load_after']} after",
        "",
        f"{'':44} {'median':>9}  {'to ours':>7}  {'on the wire':>11}  runs",
    ]
    for name in (name for name in ALL if name in report):
        lines.append(_row(name, report[name]))
    for goal in report["goals"]:
        word = "reached" if goal["reached"] else "missed"
        lines.append(f"{word:>7}: {goal['what']}: {goal['value']:.2f}, at most {goal['at_most']:.2f}")
    return "\n".join(lines)


def _row(name: str, one: Mapping[str, Any]) -> str:
    head = f"{one['words']:44}"
    if "error" in one:
        return f"{head} {one['error']}"
    wire = f"{one['wire_bytes'] / 1e6:8.1f} MB" if one["wire_bytes"] is not None else ""
    ratio = f"{one['ratio']:.2f}" if "ratio" in one else ""
    first = f"; first image {one['first_image_s']:.2f} s" if "first_image_s" in one else ""
    runs = ", ".join(f"{seconds:.2f}" for seconds in one["seconds"])
    return f"{head} {one['median']:7.2f} s  {ratio:>7}  {wire:>11}  {runs}{first}"


def _median(runs: Sequence[Run], attribute: str) -> float | None:
    known = [value for run in runs if (value := getattr(run, attribute)) is not None]
    return float(statistics.median(known)) if known else None


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)
