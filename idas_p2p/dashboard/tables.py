"""The one look of every table: plain, aligned, each cell escaped.

Belongs here: what all tables share. Not here: which columns there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from idas_p2p.dashboard.text import UNKNOWN, printable

Row = Mapping[str, Any]
STATE_STYLES = {
    "connected": "green",
    "done": "green",
    "active": "cyan",
    "running": "cyan",
    "ok": "green",
    "failed": "red",
    "unreachable": "red",
    "interrupted": "yellow",
    "partial": "yellow",
}


def table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]], *, numbers: Sequence[str] = ()) -> Table:
    """A table of cells that are already escaped.

    Args:
        headings: one for each column; NodeId and UID columns are never cut.
        rows: cells.
        numbers: the headings of columns to align at the right.
    """
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        whole = heading.endswith(("UID", "NODE ID", "ADDRESS"))
        shown.add_column(heading, justify="right" if heading in numbers else "left", overflow="fold", no_wrap=whole)
    for row in rows:
        shown.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return shown


def counted(shown: Table, noun: str, *, when_empty: str) -> RenderableType:
    """The table with its number of rows below, or a sentence when it has none."""
    count = shown.row_count
    if not count:
        return Text(when_empty)
    return Group(shown, Text(f"{count} {noun}" if count != 1 else f"1 {singular(noun)}", style="dim"))


def singular(noun: str) -> str:
    """`studies` to `study`, `peers` to `peer`."""
    return f"{noun[:-3]}y" if noun.endswith("ies") else noun.removesuffix("s")


def rows_of(document: Mapping[str, Any], key: str) -> list[Row]:
    """The objects in a document's list; none when it has no such list."""
    rows = document.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def word(value: object) -> str:
    """One hostile value as a cell; a dash for none."""
    return printable(value) if value not in (None, "") else UNKNOWN


def state(value: object) -> Text:
    """A state with the colour of its kind."""
    return Text(word(value), style=STATE_STYLES.get(str(value), ""))
