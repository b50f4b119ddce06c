"""The one look of every list of things: plain, aligned, each cell escaped, no identifier ever cut.

Belongs here: what all tables share. Not here: which columns there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from idas_p2p.dashboard.text import UNKNOWN, printable

Row = Mapping[str, Any]
UNBOUNDED = 10_000  # columns; wider than any table of ours
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


class Records:
    """Rows of cells: a table where the console is wide enough, else a labelled paragraph for each row.

    Args:
        headings: one for each column, in capitals.
        rows: cells that are already escaped.
        numbers: the headings of columns to align at the right.
    """

    def __init__(
        self, headings: Sequence[str], rows: Iterable[Sequence[str | Text]], *, numbers: Sequence[str] = ()
    ) -> None:
        self._headings = headings
        self._rows = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
        self._numbers = frozenset(numbers)

    def __len__(self) -> int:
        return len(self._rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = self._table()
        if console.measure(table, options=options.update(width=UNBOUNDED)).maximum <= options.max_width:
            yield table
        else:
            yield self._paragraphs()

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for heading in self._headings:
            table.add_column(heading, justify="right" if heading in self._numbers else "left", overflow="fold")
        for row in self._rows:
            table.add_row(*row)
        return table

    def _paragraphs(self) -> Table:
        paragraphs = Table.grid(padding=(0, 1, 0, 0))
        paragraphs.add_column()
        paragraphs.add_column(overflow="fold")
        for row in self._rows:
            paragraphs.add_row("-", self._paragraph(row))
        return paragraphs

    def _paragraph(self, row: Sequence[Text]) -> Text:
        """`patient Miller^Ann  id 123  ...` in as many lines as it needs."""
        known = [(heading, cell) for heading, cell in zip(self._headings, row, strict=True) if cell.plain != UNKNOWN]
        labelled = [Text.assemble((f"{heading.lower()} ", "dim"), cell) for heading, cell in known]
        return Text("  ").join(labelled)


def counted(records: Records, noun: str, *, when_empty: str) -> RenderableType:
    """The records with their number below, or a sentence when there is none."""
    count = len(records)
    if not count:
        return Text(when_empty)
    return Group(records, Text(f"{count} {noun}" if count != 1 else f"1 {singular(noun)}", style="dim"))


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
