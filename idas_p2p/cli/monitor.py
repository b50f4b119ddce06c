"""`idas monitor`: the dashboard of a running node."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from idas_p2p.cli import client
from idas_p2p.cli.parser import Commands, add_command
from idas_p2p.cli.render import WIDE, Output
from idas_p2p.clock import SystemClock

if TYPE_CHECKING:
    from idas_p2p.dashboard.monitor.snapshot import Snapshot

PICTURE_WIDTH = 130  # columns of a picture; ours


def add_commands(commands: Commands) -> None:
    """Add the command of this module."""
    monitor = add_command(
        commands,
        "monitor",
        run_monitor,
        summary="Watch the running node: what needs attention, peers, transfers, archives, directory, access, log.",
        example="idas monitor /srv/idas\nidas monitor /srv/idas --once\nidas monitor /srv/idas --svg node.svg",
    )
    monitor.add_argument("--once", action="store_true", help="print every view once, as text")
    monitor.add_argument("--svg", metavar="FILE", type=Path, help="write a picture of it as SVG")


def run_monitor(args: argparse.Namespace, output: Output) -> int:
    """Show the dashboard, or print or draw it once."""
    if args.json or args.once or args.svg:
        return _once(args, output)
    from idas_p2p.dashboard.monitor.app import Monitor

    client.call(args.folder, "overview")  # a node that does not run is told before the screen is taken
    Monitor(
        lambda command, arguments: client.call(args.folder, command, arguments),
        on_reveal=lambda: _audit(args.folder),
        clock=SystemClock(),
    ).run()
    return 0


def _once(args: argparse.Namespace, output: Output) -> int:
    from idas_p2p.dashboard.monitor.picture import draw, print_views
    from idas_p2p.dashboard.monitor.snapshot import Snapshot

    whole = client.call(args.folder, "overview")
    snapshot: Snapshot = Snapshot().with_pulse(whole, now=SystemClock().now())
    if args.svg:
        args.svg.write_text(draw(snapshot, width=PICTURE_WIDTH), "utf-8")
        output.say(f"picture written to {args.svg}")
    if args.json:
        output.document(whole)
    elif args.once:
        output.line(print_views(snapshot, width=WIDE))
    return 0


def _audit(folder: Path) -> None:
    """Have the audit log say that patient data was looked at."""
    from idas_p2p.node.audit_questions import reader

    client.call(folder, "audit_used", {"user": reader(), "text": "patient data shown in the dashboard"})
