"""The matrix as text: what each pair came to, in a table and in the words of the failures.

Belongs here: how it looks. Not here: how it is measured (trial.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.natlab.kinds import Kind
from tools.natlab.trial import Cell


def verdict(cell: Cell) -> str:
    """The path a pair took, and how fast; `-` when the study did not arrive."""
    if not cell.arrived:
        return "-"
    beside = f" of {cell.plain_mbit:.0f}M" if cell.plain_mbit else ""
    paused = f" paused {cell.pause_s:.1f}s" if cell.pause_s is not None else ""
    return f"{cell.path} {cell.first_s:.1f}s {cell.rate_mbit:.0f}M{beside}{paused}"


def table(cells: Sequence[Cell]) -> str:
    """Rows are holders, columns askers: path, seconds until images began to arrive, Mbit/s."""
    by_pair = {(cell.holder, cell.asker): verdict(cell) for cell in cells}
    holders, askers = ([kind for kind in Kind if any(pair[n] is kind for pair in by_pair)] for n in (0, 1))
    rows = [
        ["holder \\ asker", *askers],
        *([holder, *(by_pair.get((holder, asker), "") for asker in askers)] for holder in holders),
    ]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)


def failures(cells: Sequence[Cell]) -> list[str]:
    """One line for each pair whose study did not arrive."""
    return [f"{cell.holder} -> {cell.asker}: {cell.reason}" for cell in cells if not cell.arrived]
