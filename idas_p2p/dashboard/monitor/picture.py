"""The dashboard without a terminal: as text, or as a picture.

Belongs here: that. Not here: what is shown (views.py). Nothing of it reveals patient data.
"""

from __future__ import annotations

import io

from rich.console import Console
from rich.rule import Rule

from idas_p2p.dashboard.monitor.snapshot import Snapshot
from idas_p2p.dashboard.monitor.views import VIEWS, heading


def print_views(snapshot: Snapshot, *, width: int) -> str:
    """Every view as plain text, one below the other."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, highlight=False, markup=False, emoji=False)
    console.print(heading(snapshot))
    for name, view in VIEWS.items():
        console.print(f"\n== {name} ==")
        console.print(view(snapshot, False))
    return stream.getvalue().rstrip()


def draw(snapshot: Snapshot, *, width: int) -> str:
    """Overview and transfers as an SVG document, in colours."""
    console = Console(file=io.StringIO(), width=width, record=True, force_terminal=True, highlight=False, markup=False)
    console.print(heading(snapshot))
    for name in ("overview", "transfers", "peers"):
        console.print(Rule(name, style="dim"))
        console.print(VIEWS[name](snapshot, False))
    return console.export_svg(title="idas monitor")
