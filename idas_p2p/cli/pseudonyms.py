"""`idas pseudonym reveal`, `idas pseudonym key`: back from a pseudonym, and one project on several nodes."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from idas_p2p.cli import client
from idas_p2p.cli.parser import Commands, add_command, add_family
from idas_p2p.cli.render import Document, Output

MAX_KEY_SIZE: Final = 256  # characters read of a key; one has 52


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    family = add_family(commands, "pseudonym", summary="Pseudonyms that levels put in place of patients and studies.")
    reveal = add_command(
        family,
        "reveal",
        run_reveal,
        summary="Tell which patient or study of this node a pseudonym means; the audit log records it.",
        example="idas pseudonym reveal /srv/idas OVGOOF4GRMC7WI44",
    )
    reveal.add_argument("pseudonym", metavar="PSEUDONYM", help="a patient's, or a Study Instance UID")
    key = add_command(
        family,
        "key",
        run_key,
        summary="Print the secret key of a project, for the other nodes of it; or take one over.",
        example="idas pseudonym key /srv/idas liver-2026\n"
        "idas pseudonym key /srv/idas liver-2026 --stdin < key-of-the-other-node",
    )
    key.add_argument("project", metavar="PROJECT", help="as levels of policy.toml name it")
    key.add_argument("--stdin", action="store_true", help="read the key that another node printed")


def run_reveal(args: argparse.Namespace, output: Output) -> int:
    """Ask the running node, which records it."""
    from idas_p2p.node.audit_questions import reader

    found = client.call(args.folder, "pseudonym_reveal", {"pseudonym": args.pseudonym, "user": reader()})
    _answer(output, found, [f"{one['kind']} {one['original']}" for one in found["means"]])
    return 0


def run_key(args: argparse.Namespace, output: Output) -> int:
    """Print or take over a project's key, by way of the running node, which records it."""
    from idas_p2p.node.audit_questions import reader

    asked = {"project": args.project, "user": reader()}
    if args.stdin:
        told = client.call(args.folder, "pseudonym_share", asked | {"key": sys.stdin.read(MAX_KEY_SIZE)})
        _answer(output, told, [f"the project {told['project']} has the key now"])
        return 0
    shown = client.call(args.folder, "pseudonym_key", asked)
    _answer(output, shown, [str(shown["key"])])
    return 0


def _answer(output: Output, document: Document, lines: list[str]) -> None:
    from idas_p2p.dashboard.text import printable

    if output.as_json:
        output.document(document)
    else:
        for line in lines:
            output.line(printable(line))
