"""`idas grant`, `idas grants`, `idas revoke`: who may see what of this node's studies.

Rules are ordered by number and the first that matches decides; without any, nothing is shared.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from idas_p2p.cli import arguments
from idas_p2p.cli.configuration import changed, open_settings
from idas_p2p.cli.parser import Commands, add_command
from idas_p2p.cli.render import Output
from idas_p2p.clock import SystemClock

if TYPE_CHECKING:
    from idas_p2p.store.settings import Grant


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    grant = add_command(
        commands,
        "grant",
        run_grant,
        summary="Let someone in the federation see this node's studies.",
        example="idas grant /srv/idas --to everyone --level full\n"
        "idas grant /srv/idas --to 'node:Lake Clinic' --level full --expires 30d",
    )
    grant.add_argument("--to", required=True, metavar="SUBJECT", type=arguments.subject, help="everyone, or node:NAME")
    grant.add_argument("--level", required=True, metavar="LEVEL", type=arguments.level, help="full or none")
    grant.add_argument("--expires", metavar="TIME", type=arguments.duration, help="how long the grant holds (for ever)")
    add_command(
        commands,
        "grants",
        run_grants,
        summary="List the grants of this node in the order in which they are tried.",
        example="idas grants /srv/idas",
    )
    revoke = add_command(
        commands, "revoke", run_revoke, summary="Take a grant back.", example="idas revoke /srv/idas 2"
    )
    revoke.add_argument("number", metavar="NUMBER", type=arguments.count, help="its number, see `idas grants`")


def run_grant(args: argparse.Namespace, output: Output) -> int:
    """Add one grant after the others."""
    expires = None if args.expires is None else SystemClock().now() + args.expires
    with open_settings(args.folder) as settings:
        grant = settings.add_grant(subject=args.to, level=args.level, expires=expires)
    words = f"grant {grant.number} added: {grant.level} to {grant.subject}"
    return changed(args.folder, output, words, {"grant": _document(grant)})


def run_grants(args: argparse.Namespace, output: Output) -> int:
    """Print every grant."""
    with open_settings(args.folder) as settings:
        documents = [_document(grant) for grant in settings.grants()]
    from idas_p2p.dashboard.configuration import grants_table

    output.answer({"grants": documents}, lambda: grants_table(documents))
    return 0


def run_revoke(args: argparse.Namespace, output: Output) -> int:
    """Take one grant back."""
    with open_settings(args.folder) as settings:
        settings.remove_grant(args.number)
    return changed(args.folder, output, f"grant {args.number} revoked", {"revoked": args.number})


def _document(grant: Grant) -> dict[str, Any]:
    return {"number": grant.number, "subject": grant.subject, "level": grant.level, "expires": grant.expires}
