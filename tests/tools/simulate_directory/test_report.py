"""Figures are shown beside each other, in a table and in a picture."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from tools.simulate_directory.figures import Figures, from_json, percentile
from tools.simulate_directory.plot import draw
from tools.simulate_directory.report import table_of


def figures(system: str, nodes: int, messages: float | None) -> Figures:
    return Figures(system=system, nodes=nodes, seed=1, found=0.5, messages_per_get=messages, hops_mean=messages)


def test_every_figure_is_a_pair_and_a_missing_one_is_told() -> None:
    written = io.StringIO()
    table = table_of([figures("ours", 10, 3.0), figures("stock", 10, None)], "title")
    Console(width=140, file=written).print(table)
    text = written.getvalue()
    assert [line for line in text.splitlines() if "messages_per_get" in line and " 3 " in line and " - " in line]
    assert "exact_k" not in text


def test_the_picture_shows_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "lookups.png"
    draw([figures("ours", 10, 3.0), figures("ours", 100, 6.0), figures("stock", 10, None)], path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_figures_survive_being_printed() -> None:
    one = figures("ours", 10, 3.0)
    one.more["published"] = 7
    assert from_json(one.to_json()) == one


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert percentile([4.0, 1.0, 2.0, 3.0], 0.5) == 2.0
    assert percentile(list(range(1, 101)), 0.95) == 95
    assert percentile([], 0.5) is None
