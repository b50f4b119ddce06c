"""`idas doctor`: what is wrong with a node, and what to do about it."""

from __future__ import annotations

import argparse

from idas_p2p.cli import client
from idas_p2p.cli.parser import Commands, add_command
from idas_p2p.cli.render import Output
from idas_p2p.clock import SystemClock

EXAMINE_TIMEOUT = 300.0  # seconds; ours: a hundred archives that do not answer, four at a time


def add_commands(commands: Commands) -> None:
    """Add the command of this module."""
    doctor = add_command(
        commands,
        "doctor",
        run_doctor,
        summary="Examine a node, running or not: machine, ports, network, federation, archives, workstations.",
        example="idas doctor /srv/idas\nidas doctor /srv/idas --all",
    )
    doctor.add_argument("--all", action="store_true", help="show also what is well")


def run_doctor(args: argparse.Namespace, output: Output) -> int:
    """Examine a node; status 1 when something does not work."""
    import asyncio

    from idas_p2p.dashboard.doctor import findings_view
    from idas_p2p.node.doctor.examination import examine
    from idas_p2p.node.doctor.findings import Verdict, has_fault

    findings = asyncio.run(
        examine(
            args.folder,
            ask=lambda: client.call(args.folder, "examine", timeout=EXAMINE_TIMEOUT),
            clock=SystemClock(),
        )
    )
    documents = [one.document() for one in findings]
    counts = {str(verdict): sum(one.verdict is verdict for one in findings) for verdict in Verdict}
    output.answer(
        {"findings": documents, "counts": counts}, lambda: findings_view(documents, counts, shows_all=args.all)
    )
    return 1 if has_fault(findings) else 0
