"""`idas federation admins|admin|invitations|revoke|requests|approve|refuse`: what administrators of a federation do.

Belongs here: that. Not here: founding, inviting, joining, removing (federation.py).
"""

from __future__ import annotations

import argparse

from idas_p2p.cli import client
from idas_p2p.cli.parser import Commands, Parser, add_command, add_family
from idas_p2p.cli.render import Output
from idas_p2p.dashboard.text import printable

_ONE_ADMIN = (
    "this federation has one administrator; if its key is lost nobody can invite, remove or renew any more: let a "
    "second member share the office with `idas federation admin add DIR NODE`, better two of them"
)
_NODE = "its NodeId or institution, see `idas federation members`"


def add_commands(family: Commands) -> None:
    """Add the commands of this module to `idas federation`."""
    admins = add_command(
        family,
        "admins",
        run_admins,
        summary="List the administrators, and what is voted on.",
        example="idas federation admins /srv/idas",
    )
    admin = add_family(family, "admin", summary="Vote on who administers the federation.")
    for act, summary in (
        ("add", "Make a member an administrator too; more than half of them have to say so."),
        ("remove", "End an administrator's office; more than half of the others have to say so, or it does so itself."),
    ):
        one = add_command(
            admin,
            act,
            run_admin,
            summary=summary,
            example=f"idas federation admin {act} /srv/idas 'Lake Clinic'",
        )
        one.add_argument("node", metavar="NODE", help=_NODE)
        add_which(one)
        one.set_defaults(act=act)
    invitations = add_command(
        family,
        "invitations",
        run_invitations,
        summary="List the invitations of this node that have not expired.",
        example="idas federation invitations /srv/idas",
    )
    revoke = add_command(
        family,
        "revoke",
        run_revoke,
        summary="End an invitation before its time.",
        example="idas federation revoke /srv/idas 3fa9c21b",
    )
    revoke.add_argument("invitation", metavar="LABEL", help="as `idas federation invitations` shows it")
    requests = add_command(
        family,
        "requests",
        run_requests,
        summary="List the nodes that wait for approval.",
        example="idas federation requests /srv/idas",
    )
    for name, run, summary in (
        ("approve", run_approve, "Admit a node that waits for approval."),
        ("refuse", run_refuse, "Turn away a node that waits for approval."),
    ):
        answer = add_command(
            family, name, run, summary=summary, example=f"idas federation {name} /srv/idas 'Lake Clinic'"
        )
        answer.add_argument("node", metavar="NODE", help="its NodeId or institution, see `idas federation requests`")
        add_which(answer)
    for parser in (admins, invitations, revoke, requests):
        add_which(parser)


def add_which(parser: Parser) -> None:
    """Let a command say which federation it is about."""
    parser.add_argument(
        "--federation", metavar="NAME", help="which one, where this node is in several; see `idas status`"
    )


def which(args: argparse.Namespace) -> dict[str, str]:
    """What tells the node which federation a command is about."""
    return {"federation": args.federation} if args.federation else {}


def run_admins(args: argparse.Namespace, output: Output) -> int:
    """Print who administers the federation, and what is voted on."""
    result = client.call(args.folder, "federation_admins", which(args))
    from idas_p2p.dashboard.federation import admins_view

    output.answer(result, lambda: admins_view(result))
    return 0


def run_admin(args: argparse.Namespace, output: Output) -> int:
    """Vote."""
    result = client.call(args.folder, "federation_admin", {"act": args.act, "node": args.node, **which(args)})
    who = printable(str(result.get("institution") or args.node), limit=200)
    if missing := result.get("missing"):
        output.say(f"your vote about {who} is noted; {missing} more needed: the same command at other administrators")
    elif result.get("own"):
        output.say("your office ends when another administrator's node hears of it")
    else:
        output.say(f"{who} is an administrator {'now' if args.act == 'add' else 'no longer'}")
    if result.get("admins") == 2:
        output.say("of two administrators each can end the other's office; with three it takes two")
    if output.as_json:
        output.document(result)
    return 0


def run_invitations(args: argparse.Namespace, output: Output) -> int:
    """Print the invitations that have not expired."""
    result = client.call(args.folder, "federation_invitations", which(args))
    from idas_p2p.dashboard.federation import invitations_table

    output.answer(result, lambda: invitations_table(result))
    return 0


def run_revoke(args: argparse.Namespace, output: Output) -> int:
    """End an invitation."""
    result = client.call(args.folder, "federation_revoke", {"invitation": args.invitation, **which(args)})
    output.say(f"invitation {args.invitation} has ended; whom it admitted stays a member")
    if output.as_json:
        output.document(result)
    return 0


def run_requests(args: argparse.Namespace, output: Output) -> int:
    """Print who waits for approval."""
    result = client.call(args.folder, "federation_requests", which(args))
    from idas_p2p.dashboard.federation import requests_table

    output.answer(result, lambda: requests_table(result))
    return 0


def run_approve(args: argparse.Namespace, output: Output) -> int:
    """Admit a node that waits."""
    return _answered(args, output, "federation_approve", f"{args.node} is a member now")


def run_refuse(args: argparse.Namespace, output: Output) -> int:
    """Turn a node away that waits."""
    return _answered(args, output, "federation_refuse", f"{args.node} is turned away")


def warn_of_one_admin(members: object, output: Output) -> None:
    """Say so when a federation of several members has one administrator, who could be lost."""
    rows = [row for row in members if isinstance(row, dict)] if isinstance(members, list) else []
    if len(rows) > 1 and sum(bool(row.get("admin")) for row in rows) == 1:
        output.say(_ONE_ADMIN)


def _answered(args: argparse.Namespace, output: Output, command: str, words: str) -> int:
    result = client.call(args.folder, command, {"node": args.node, **which(args)})
    output.say(words)
    if output.as_json:
        output.document(result)
    return 0
