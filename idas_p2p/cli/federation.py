"""`idas federation create|invite|members|remove|leave` and `idas join`: with whom this institution shares.

All of them need the running node: it speaks with the other members. Beside them: administering.py.
"""

from __future__ import annotations

import argparse
from typing import Any

from idas_p2p.cli import administering, arguments, client
from idas_p2p.cli.administering import add_which, which
from idas_p2p.cli.parser import Commands, add_command, add_family
from idas_p2p.cli.render import Output
from idas_p2p.dashboard.text import printable

DEFAULT_EXPIRY = 7 * 86_400.0  # seconds an invitation is valid; ours


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    family = add_family(commands, "federation", summary="The institutions that agreed to share.")
    create = add_command(
        family,
        "create",
        run_create,
        summary="Found a federation with this node as its first member and administrator.",
        example="idas federation create /srv/idas 'Lake Region'",
    )
    create.add_argument("name", metavar="NAME", type=arguments.title, help="what the federation is called")
    invite = add_command(
        family,
        "invite",
        run_invite,
        summary="Print a code with which another node joins the federation.",
        example="idas federation invite /srv/idas --expires 7d --uses 1",
    )
    invite.add_argument(
        "--expires", metavar="TIME", type=arguments.duration, default=DEFAULT_EXPIRY, help="how long it is valid (7d)"
    )
    invite.add_argument("--uses", metavar="N", type=arguments.count, default=1, help="how many nodes may use it (1)")
    invite.add_argument(
        "--approval", action="store_true", help="whoever uses it waits until you say: idas federation approve"
    )
    members = add_command(
        family,
        "members",
        run_members,
        summary="List the members of the federation.",
        example="idas federation members /srv/idas",
    )
    remove = add_command(
        family,
        "remove",
        run_remove,
        summary="Shut a member out: new secrets are made and its old ones are worthless.",
        example="idas federation remove /srv/idas 'Old Clinic'",
    )
    remove.add_argument("node", metavar="NODE", help="its NodeId or institution, see `idas federation members`")
    leave = add_command(
        family,
        "leave",
        run_leave,
        summary="Forget the federation on this node; it may join another, or the same one with a new code.",
        example="idas federation leave /srv/idas",
    )
    for parser in (invite, members, remove, leave):
        add_which(parser)
    administering.add_commands(family)
    join = add_command(
        commands,
        "join",
        run_join,
        summary="Join the federation that an invitation code belongs to.",
        example="idas join /srv/idas IDAS2-4F7K2M-9QWXTB",
    )
    join.add_argument("code", metavar="CODE", help="what `idas federation invite` printed on the administrator's node")


def run_create(args: argparse.Namespace, output: Output) -> int:
    """Found a federation."""
    result = client.call(args.folder, "federation_create", {"name": args.name})
    return _done(output, f"federation {args.name} created; invite others with: idas federation invite", result)


def run_invite(args: argparse.Namespace, output: Output) -> int:
    """Print an invitation code, alone on stdout."""
    request = {"expires_seconds": args.expires, "uses": args.uses, "approval": args.approval, **which(args)}
    result = client.call(args.folder, "federation_invite", request)
    label = printable(str(result.get("label", "")), limit=100)
    output.say(f"invitation {label}; to take it back: idas federation revoke DIR {label}")
    if result.get("kept_by") == 0:
        output.say(
            "no other node keeps this invitation: it can be used only while this node runs and can be reached at its "
            "address; with a bootstrap node in node.toml others would find it"
        )
    if args.approval:
        output.say("whoever joins with it waits for: idas federation approve DIR NODE")
    output.say("on the other machine: idas join DIR CODE, with this code:")
    if output.as_json:
        output.document(result)
    else:
        output.line(printable(result.get("code", ""), limit=1_000))
    return 0


def run_members(args: argparse.Namespace, output: Output) -> int:
    """Print every member."""
    result = client.call(args.folder, "federation_members", which(args))
    from idas_p2p.dashboard.peers import members_table

    output.answer(result, lambda: members_table(result))
    administering.warn_of_one_admin(result.get("members"), output)
    return 0


def run_remove(args: argparse.Namespace, output: Output) -> int:
    """Shut a member out."""
    result = client.call(args.folder, "federation_remove", {"node": args.node, **which(args)})
    return _done(output, f"{args.node} removed from the federation", result)


def run_leave(args: argparse.Namespace, output: Output) -> int:
    """Forget the federation."""
    result = client.call(args.folder, "federation_leave", which(args))
    return _done(output, f"left federation {printable(str(result.get('federation', '')), limit=100)}".rstrip(), result)


def run_join(args: argparse.Namespace, output: Output) -> int:
    """Join a federation."""
    result = client.call(args.folder, "join", {"code": args.code})
    return _done(output, f"joined federation {result.get('federation', '')}".rstrip(), result)


def _done(output: Output, words: str, result: dict[str, Any]) -> int:
    output.say(words)
    if output.as_json:
        output.document(result)
    return 0
