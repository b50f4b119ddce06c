"""The block of figures in docs/performance.md: made from reports, put between two marks, nothing else touched. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tools.bench.competitors import ALL

BEGIN: Final = "<!-- figures of `make bench`: begin -->"
END: Final = "<!-- figures of `make bench`: end -->"


class NoPlace(Exception):
    """The document has no pair of marks to put the figures between."""


def block(reports: Sequence[Mapping[str, Any]], *, chart: str) -> str:
    """Figures as Markdown: a table of medians, a table of goals, and the chart.

    Args:
        reports: report.summary's.
        chart: the chart's path as the document sees it.
    """
    names = [name for name in ALL if any("median" in report.get(name, {}) for report in reports)]
    lines = [
        f"![Seconds for a study, by line and competitor]({chart})",
        "",
        "Median seconds, MB on the wire in brackets:",
        "",
        "| | " + " | ".join(_head(report) for report in reports) + " |",
        "|---" * (len(reports) + 1) + "|",
    ]
    lines += [
        f"| {ALL[name].words} | " + " | ".join(_cell(report.get(name, {})) for report in reports) + " |"
        for name in names
    ]
    lines += ["", "| line | what | value | at most | |", "|---|---|---|---|---|"]
    lines += [
        f"| {_head(report)} | {goal['what']} | {goal['value']:.2f} | {goal['at_most']:.2f} | {_word(goal)} |"
        for report in reports
        for goal in report["goals"]
    ]
    loads = [report["machine"][key] for report in reports for key in ("load_before", "load_after")]
    processors = reports[0]["machine"]["processors"] if reports else 0
    lines += [
        "",
        f"{processors} processors for everybody; load between {min(loads)} and {max(loads)}." if loads else "",
    ]
    return "\n".join(lines).strip() + "\n"


def with_figures(document: str, figures: str) -> str:
    """The document with what stood between the marks replaced.

    Raises:
        NoPlace: the marks are missing or the wrong way round.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlace(f"no `{BEGIN}` followed by `{END}`")
    return f"{before}{begin}\n{figures}{end}{after}"


def _head(report: Mapping[str, Any]) -> str:
    return f"{report['link']['words']}; {report['data']['instances']} x {_each(report)}"


def _each(report: Mapping[str, Any]) -> str:
    data = report["data"]
    return f"{data['bytes'] / max(1, data['instances']) / 1e6:.2f} MB"


def _cell(one: Mapping[str, Any]) -> str:
    if "median" not in one:
        return "-" if not one else "failed"
    wire = f" ({one['wire_bytes'] / 1e6:.1f})" if one["wire_bytes"] else ""
    return f"{one['median']:.2f}{wire}"


def _word(goal: Mapping[str, Any]) -> str:
    return "reached" if goal["reached"] else "**missed**"
