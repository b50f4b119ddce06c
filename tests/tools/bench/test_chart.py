"""The chart shows who has a time, and is a PNG file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.bench.chart import COLOURS, bars, caption, draw
from tools.bench.competitors import ALL

LINK, DATA = {"words": "20 Mbit/s, 40 ms"}, {"instances": 140, "bytes": 74_500_000}
REPORTS: list[dict[str, Any]] = [
    {
        "idas-node": {"median": 1.5},
        "dicomweb": {"median": 4.0},
        "tcp": {"error": "refused"},
        "link": LINK,
        "data": DATA,
    },
    {"idas-node": {"median": 2.5}, "link": LINK, "data": DATA},
]


def test_bars_are_medians_in_order_of_reports_and_nobody_without_a_time_has_one() -> None:
    assert bars(REPORTS) == {"idas-node": [1.5, 2.5], "dicomweb": [4.0, None]}


def test_every_competitor_has_a_colour_of_its_own() -> None:
    assert COLOURS.keys() == ALL.keys()
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_a_chart_is_a_png_file(tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    draw(REPORTS, path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_group_is_named_by_its_line_and_its_study() -> None:
    assert caption(REPORTS[0]) == "20 Mbit/s, 40 ms\n140 instances, 74 MB"
