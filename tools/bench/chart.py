"""The bar chart: a group of bars for each measurement, a bar for each competitor, seconds on a log scale.

Log because the slowest takes twenty times as long as the fastest, and ratios are what counts: equal ratios are equal
distances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tools.bench.competitors import ALL
from tools.bench.competitors.base import NODE_TO_NODE, WHOLE_WAY

COLOURS: Final = {
    NODE_TO_NODE: "#0b6e4f",
    WHOLE_WAY: "#3fb68b",
    "storescu": "#9aa5b1",
    "orthanc-store": "#7b8794",
    "dicomweb": "#52606d",
    "tcp": "#d9a441",
    "tcp-sealed": "#e9c46a",
    "movescu": "#cbd2d9",
}
_GROUP_WIDTH: Final = 0.85  # of the distance between two groups
_HEIGHT: Final = 5.0  # inches
_INCHES_A_BAR: Final = 0.5


def bars(reports: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """Median seconds by competitor, one for each report; competitors without any time are left out."""
    found = {name: [report.get(name, {}).get("median") for report in reports] for name in ALL}
    return {name: medians for name, medians in found.items() if any(medians)}


def draw(reports: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the chart as a PNG file."""
    from matplotlib.figure import Figure  # only for those who draw: it takes a second to load

    heights = bars(reports)
    width = _GROUP_WIDTH / max(1, len(heights))
    figure = Figure(figsize=(max(8.0, 2 + _INCHES_A_BAR * len(heights) * len(reports)), _HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    for place, (name, medians) in enumerate(heights.items()):
        left = [group - _GROUP_WIDTH / 2 + (place + 0.5) * width for group in range(len(reports))]
        shown = [(x, median) for x, median in zip(left, medians, strict=True) if median]
        drawn = axes.bar(
            [x for x, _ in shown], [median for _, median in shown], width * 0.95, label=ALL[name].words,
            color=COLOURS[name],
        )  # fmt: skip
        axes.bar_label(drawn, labels=[f"{median:.3g}" for _, median in shown], fontsize=7)
    axes.set_yscale("log")
    axes.set_ylabel("seconds, median; less is better")
    axes.set_xticks(range(len(reports)), [caption(report) for report in reports])
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(y=0.15)
    axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4)
    figure.savefig(path, dpi=150, format="png")


def caption(report: Mapping[str, Any]) -> str:
    """What stands under a group of bars."""
    data = report["data"]
    return f"{report['link']['words']}\n{data['instances']} instances, {data['bytes'] / 1e6:.0f} MB"
