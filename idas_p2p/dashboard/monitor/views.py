"""The views of the dashboard: from a snapshot to what a terminal shows.

Law: no patient data, no study UID and no user unless `reveals`; every string of others is escaped. Belongs here: one
function a view. Not here: keys and scrolling (app.py).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from idas_p2p.dashboard.doctor import findings_view
from idas_p2p.dashboard.monitor.snapshot import Snapshot
from idas_p2p.dashboard.peers import peers_table
from idas_p2p.dashboard.status import archives_table, directory_facts, facts_grid, status_facts
from idas_p2p.dashboard.tables import Row, word
from idas_p2p.dashboard.text import UNKNOWN, duration, number, printable, size
from idas_p2p.dashboard.transfers import transfers_table

BAR: Final = 20  # columns of a progress bar
LATEST: Final = 50  # transfers that ended, shown
LINES: Final = 200  # of the log, shown
_LEVELS: Final = {"warning": "yellow", "error": "bold red", "critical": "bold red", "debug": "dim"}
_REFUSALS: Final = ("refused", "denied", "failed_sign_in")  # how the names of such events and reasons end

View = Callable[[Snapshot, bool], RenderableType]


def overview(snapshot: Snapshot, reveals: bool) -> RenderableType:
    """What needs attention, what the node is, what it does."""
    alerts = snapshot.rows("alerts")
    counts = {"fault": sum(one.get("verdict") == "fault" for one in alerts)}
    counts["note"] = len(alerts) - counts["fault"]
    return Group(
        findings_view(alerts, counts, shows_all=False) if alerts else Text("nothing needs attention", style="green"),
        Text(""),
        facts_grid(status_facts(snapshot.status)),
        Text(""),
        live_transfers(snapshot, reveals),
    )


def peers(snapshot: Snapshot, reveals: bool) -> RenderableType:
    """The other institutions, and how each is reached."""
    return peers_table(snapshot.whole, now=snapshot.taken_at)


def transfers(snapshot: Snapshot, reveals: bool) -> RenderableType:
    """Those under way with a bar each, and the latest that ended."""
    ended = [row for row in snapshot.rows("transfers") if not _runs(row)][:LATEST]
    return Group(live_transfers(snapshot, reveals), Text(""), transfers_table({"transfers": ended}, reveals=reveals))


def live_transfers(snapshot: Snapshot, reveals: bool) -> RenderableType:
    """The transfers under way."""
    running = [row for row in snapshot.rows("transfers") if _runs(row)]
    if not running:
        return Text("no transfer under way", style="dim")
    table = Table.grid(padding=(0, 2, 0, 0))
    for row in running:
        total, done = _count(row, "total"), _count(row, "instances") + _count(row, "failed")
        words: list[Text | ProgressBar] = [
            Text(
                f"{word(row.get('number'))} {'from' if row.get('direction') == 'in' else 'to'} {word(row.get('peer'))}"
            ),
            ProgressBar(total=max(total, 1), completed=min(done, max(total, 1)), width=BAR),
            Text(f"{number(done)} of {number(total)}"),
            Text(f"{size(row.get('bytes'))}, {size(row.get('wire_bytes'))} on the wire{_ratio(row)}"),
            Text(f"{size(row.get('rate'))}/s, {duration(row.get('left_seconds'))} left"),
            Text(word(row.get("path"))),
        ]
        if reveals:
            words.append(Text(f"{word(row.get('user'))} {word(row.get('study_uid'))}"))
        table.add_row(*words)
    return table


def archives(snapshot: Snapshot, reveals: bool) -> RenderableType:
    """The archives of this node: what was harvested, what went wrong."""
    rows = snapshot.status.get("archives")
    shown = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    if not shown:
        return Text("No archive yet; add one with: idas archive add")
    return archives_table(shown, now=snapshot.taken_at)


def directory(snapshot: Snapshot, reveals: bool) -> RenderableType:
    """The directory as this node sees it."""
    return facts_grid(directory_facts(snapshot.status))


def access(snapshot: Snapshot, reveals: bool) -> RenderableType:
    """Who waits for something, and who was refused."""
    status = snapshot.status
    lines: list[RenderableType] = [
        Text(f"sign-in wanted: {word(one.get('aet'))} at {word(one.get('address'))}", style="yellow")
        for one in status.get("sign_ins_wanted") or ()
    ]
    for federation in status.get("federations") or ():
        lines += [
            Text(
                f"{printable(name)} asks to join {word(federation.get('name'))}: idas federation approve",
                style="yellow",
            )
            for name in federation.get("asking") or ()
        ]
    for one in status.get("emergencies") or ():
        lines.append(Text(f"break-glass: {_emergency(one, reveals)}", style="bold red"))
    refused = [one for one in snapshot.rows("log") if _is_refusal(one)][-LINES:]
    title = Text("recent refusals" if refused else "nobody was refused lately", style="bold")
    return Group(*(lines or [Text("nobody waits for anything", style="green")]), Text(""), title, *map(_line, refused))


def log(snapshot: Snapshot, reveals: bool) -> RenderableType:
    """The latest events, the newest last."""
    rows = snapshot.rows("log")[-LINES:]
    return Group(*map(_line, rows)) if rows else Text("no event yet", style="dim")


VIEWS: Final[Mapping[str, View]] = {
    "overview": overview,
    "peers": peers,
    "transfers": transfers,
    "archives": archives,
    "directory": directory,
    "access": access,
    "log": log,
}


def heading(snapshot: Snapshot) -> Text:
    """One line: which node, how fresh."""
    status = snapshot.status
    words = Text(f"{word(status.get('institution'))} ({word(status.get('aet'))})", style="bold")
    words.append(f"  up {duration(status.get('uptime_seconds'))}, {size(status.get('memory_bytes'))}", style="dim")
    if snapshot.trouble:
        words.append(f"  NO ANSWER: {printable(snapshot.trouble)}", style="bold red")
    elif snapshot.taken_at:
        words.append(f"  at {_clock(snapshot.taken_at)}", style="dim")
    return words


def _runs(row: Row) -> bool:
    return row.get("state") in ("running", "active")


def _way(row: Row) -> str:
    return "from" if row.get("direction") == "in" else "to"


def _count(row: Row, key: str) -> int:
    value = row.get(key)
    return value if isinstance(value, int) else 0


def _ratio(row: Row) -> str:
    ratio = row.get("ratio")
    return f" ({ratio:.2f})" if isinstance(ratio, int | float) else ""


def _emergency(one: Row, reveals: bool) -> str:
    who = f"{word(one.get('user'))} of {word(one.get('institution'))}" if reveals else word(one.get("institution"))
    return f"{who}, until {_clock(one.get('until'))}"


def _is_refusal(row: Row) -> bool:
    fields = row.get("fields")
    reason = str(fields.get("reason", "")) if isinstance(fields, Mapping) else ""
    return any(text.endswith(_REFUSALS) for text in (str(row.get("event", "")), reason))


def _line(row: Row) -> Text:
    fields: Any = row.get("fields")
    words = " ".join(f"{printable(key)}={printable(value)}" for key, value in fields.items()) if fields else ""
    level = str(row.get("level", ""))
    return Text.assemble(
        (_clock(row.get("time")), "dim"), " ", (printable(row.get("event", "")), _LEVELS.get(level, "")), "  ", words
    )


def _clock(moment: object) -> str:
    if not isinstance(moment, int | float):
        return UNKNOWN
    return f"{datetime.datetime.fromtimestamp(moment).astimezone():%H:%M:%S}"
