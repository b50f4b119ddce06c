"""`idas grant`, `idas grants`, `idas revoke`: who may see what of this node's studies.

Rules of policy.toml are tried first, then grants in the order of their numbers; the first that matches decides, and
without any nothing is shared.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any, Final

from idas_p2p.cli import arguments
from idas_p2p.cli.configuration import changed, open_rules, open_settings
from idas_p2p.cli.parser import Commands, Parser, add_command
from idas_p2p.cli.render import Output
from idas_p2p.clock import SystemClock

if TYPE_CHECKING:
    from idas_p2p.access.policy import Rule
    from idas_p2p.node.rules import RuleBook
    from idas_p2p.store.settings import Grant

_CONDITIONS: Final = {"study": "studies", "patient": "patients", "modality": "modalities", "archive": "archives"}


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    grant = add_command(
        commands,
        "grant",
        run_grant,
        summary="Let someone see this node's studies, or some of them.",
        example="idas grant /srv/idas --to everyone --level full\n"
        "idas grant /srv/idas --to 'node:Lake Clinic' --level full --modality CT --date 20240101- --expires 30d\n"
        "idas grant /srv/idas --to 'user:dr-lee@Lake Clinic' --level full --patient '123^^^City Hospital'",
    )
    add_rule_arguments(grant, is_required=True)
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


def add_rule_arguments(parser: Parser, *, is_required: bool) -> None:
    """Add what makes up a rule."""
    subject = "everyone, node:NAME, nodes:GROUP, group:CLIENT_GROUP or user:NAME@NODE"
    parser.add_argument("--to", required=is_required, metavar="SUBJECT", type=arguments.subject, help=subject)
    levels = "full, obscured, deidentified, none, or one of policy.toml"
    parser.add_argument("--level", required=is_required, metavar="LEVEL", help=levels)
    for name, words in (
        ("study", "a Study Instance UID"),
        ("patient", "ID, or ID^^^ISSUER"),
        ("modality", "such as CT"),
        ("archive", "an archive's name"),
        ("label", "see `idas label`"),
    ):
        words = f"only these studies: {words}; may be repeated"
        parser.add_argument(f"--{name}", action="append", default=[], metavar=name.upper(), help=words)
    parser.add_argument("--date", metavar="RANGE", help="only studies of these days: 20240101-20241231, 20240101-")
    parser.add_argument(
        "--expires", metavar="TIME", type=arguments.duration, help="how long the grant holds (for ever)"
    )


def conditions_of(args: argparse.Namespace) -> dict[str, Any]:
    """The conditions that were typed, as grants keep them; see access/objects.py."""
    typed = {**{_CONDITIONS[name]: getattr(args, name) for name in _CONDITIONS}, "labels": args.label}
    return {name: values for name, values in {**typed, "dates": args.date}.items() if values}


def typed_rule(args: argparse.Namespace, book: RuleBook, *, number: int) -> tuple[Grant, Rule]:
    """The grant that was typed, and the rule it makes.

    Raises:
        BadConfiguration: a level or condition that has no meaning here.
    """
    from idas_p2p.access.objects import parse_objects
    from idas_p2p.node.rules import as_rule
    from idas_p2p.store.settings import Grant

    conditions = conditions_of(args)
    book.levels.get(args.level)
    parse_objects(**conditions)
    expires = None if args.expires is None else SystemClock().now() + args.expires
    text = json.dumps(conditions)
    grant = Grant(number=number, subject=args.to, level=args.level, conditions=text, expires=expires)
    return grant, as_rule(grant, book.levels)


def run_grant(args: argparse.Namespace, output: Output) -> int:
    """Add one grant after the others."""
    from idas_p2p.store.settings import Settings

    with open_rules(args.folder) as (database, book):
        new, _ = typed_rule(args, book, number=0)
        grant = Settings(database).add_grant(
            subject=new.subject, level=new.level, conditions=new.conditions, expires=new.expires
        )
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
    return {
        "number": grant.number,
        "subject": grant.subject,
        "level": grant.level,
        "conditions": json.loads(grant.conditions or "{}"),
        "expires": grant.expires,
    }
