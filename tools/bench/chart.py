"""The bar chart: a panel for each measurement, a bar for each competitor, seconds from nought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tools.bench.competitors import ALL
from tools.bench.competitors.base import NODE_TO_NODE, WHOLE_WAY

OURS, LINE, THEIRS = "#0b6e4f", "#d9a441", "#7b8794"
COLOURS: Final = {NODE_TO_NODE: OURS, WHOLE_WAY: OURS, "tcp": LINE, "tcp-sealed": LINE}
_COLUMNS: Final = 2
_PANEL: Final = (6.2, 2.8)  # inches


def bars(report: Mapping[str, Any]) -> dict[str, float]:
    """Median seconds by competitor; those without a time have no bar."""
    return {name: report[name]["median"] for name in ALL if "median" in report.get(name, {})}


def draw(reports: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the chart as a PNG file."""
    from matplotlib.figure import Figure  # only for those who draw: it takes a second to load

    columns = min(_COLUMNS, len(reports))
    rows = -(-len(reports) // columns)
    figure = Figure(figsize=(columns * _PANEL[0], rows * _PANEL[1]), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, report in zip(panels, reports, strict=False):
        medians = bars(report)
        words = [ALL[name].words for name in medians]
        drawn = axes.barh(words, list(medians.values()), color=[COLOURS.get(name, THEIRS) for name in medians])
        axes.bar_label(drawn, labels=[f"{median:.3g} s" for median in medians.values()], padding=3, fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_title(caption(report), fontsize=10, loc="left")
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(reports) :]:  # what the last row has too many
        axes.set_axis_off()
    figure.savefig(path, dpi=120, format="png")


def caption(report: Mapping[str, Any]) -> str:
    """What stands above a panel."""
    data = report["data"]
    return f"{report['link']['words']}: {data['instances']} instances, {data['bytes'] / 1e6:.0f} MB"
