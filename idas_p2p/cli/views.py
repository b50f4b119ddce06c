"""`idas status|peers|transfers|studies`: what the running node does now."""

from __future__ import annotations

import argparse

from idas_p2p.cli import client
from idas_p2p.cli.parser import Commands, add_command
from idas_p2p.cli.render import Output
from idas_p2p.clock import SystemClock


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    add_command(
        commands,
        "status",
        run_status,
        summary="Show how the node does: its archives, directory, federation and work.",
        example="idas status /srv/idas --json",
    )
    add_command(
        commands,
        "peers",
        run_peers,
        summary="Show the other nodes of the federation and how they are reached.",
        example="idas peers /srv/idas",
    )
    add_command(
        commands,
        "transfers",
        run_transfers,
        summary="Show the transfers under way and the latest that ended.",
        example="idas transfers /srv/idas",
    )
    add_command(
        commands,
        "studies",
        run_studies,
        summary="Show the studies this node itself offers.",
        example="idas studies /srv/idas",
    )


def run_status(args: argparse.Namespace, output: Output) -> int:
    """Print the node's status."""
    result = client.call(args.folder, "status")
    from idas_p2p.dashboard.status import status_view

    output.answer(result, lambda: status_view(result, now=SystemClock().now()))
    return 0


def run_peers(args: argparse.Namespace, output: Output) -> int:
    """Print the node's peers."""
    result = client.call(args.folder, "peers")
    from idas_p2p.dashboard.peers import peers_table

    output.answer(result, lambda: peers_table(result, now=SystemClock().now()))
    return 0


def run_transfers(args: argparse.Namespace, output: Output) -> int:
    """Print the node's transfers."""
    result = client.call(args.folder, "transfers")
    from idas_p2p.dashboard.transfers import transfers_table

    output.answer(result, lambda: transfers_table(result))
    return 0


def run_studies(args: argparse.Namespace, output: Output) -> int:
    """Print the node's own studies."""
    result = client.call(args.folder, "studies")
    from idas_p2p.dashboard.studies import own_table

    output.answer(result, lambda: own_table(result))
    return 0
