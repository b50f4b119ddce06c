"""The chart shows who has a time, and is a PNG file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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


def test_bars_are_medians_and_nobody_without_a_time_has_one() -> None:
    assert [bars(report) for report in REPORTS] == [{"idas-node": 1.5, "dicomweb": 4.0}, {"idas-node": 2.5}]


def test_only_competitors_have_colours() -> None:
    assert COLOURS.keys() <= ALL.keys()


@pytest.mark.parametrize("panels", [1, 2, 3])
def test_a_chart_is_a_png_file(tmp_path: Path, panels: int) -> None:
    path = tmp_path / "chart.png"
    draw((REPORTS * 2)[:panels], path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_panel_is_named_by_its_line_and_its_study() -> None:
    assert caption(REPORTS[0]) == "20 Mbit/s, 40 ms: 140 instances, 74 MB"
