"""`idas login`, `idas logout`: who sits at a workstation whose program cannot say so itself.

At the node's own machine by its folder; at the workstation, which has no folder, over the node's encrypted channel.
"""

from __future__ import annotations

import argparse
from typing import Any

from idas_p2p.cli import arguments, client
from idas_p2p.cli.arguments import UsageError
from idas_p2p.cli.parser import Commands, Parser, add_command
from idas_p2p.cli.render import Output
from idas_p2p.cli.users import read_password

DEFAULT_SECONDS = 8 * 3_600.0  # a shift
_NODE = "idas.hospital.example:7400/iquzgbsqasvb4tci6toqcwazjqbdjg6mmzgns3sab2rgtemkrviq"
MAX_SECONDS = 86_400.0  # of one session; wire/outside.py


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    login = add_command(
        commands,
        "login",
        run_login,
        summary="Sign in at a workstation: what it asks from now on is asked for this user.",
        example=f"idas login --node {_NODE} --aet VIEWER --user dr-lee\n"
        "idas login /srv/idas --aet VIEWER --user dr-lee --for 2h --password-stdin < password.txt",
        has_folder=False,
    )
    _add_where(login)
    login.add_argument("--aet", required=True, type=arguments.aet, help="the workstation's AE title")
    login.add_argument("--user", required=True, metavar="NAME", type=arguments.name, help="a user's name")
    login.add_argument(
        "--for", dest="seconds", default=DEFAULT_SECONDS, metavar="TIME", type=arguments.duration, help="how long (8h)"
    )
    login.add_argument("--password-stdin", action="store_true", help="read the password from the first line of stdin")
    logout = add_command(
        commands,
        "logout",
        run_logout,
        summary="Sign out whoever is signed in at a workstation.",
        example=f"idas logout /srv/idas --aet VIEWER\nidas logout --node {_NODE} --aet VIEWER --user dr-lee",
        has_folder=False,
    )
    _add_where(logout)
    logout.add_argument("--user", metavar="NAME", type=arguments.name, help="with --node: who signs out")
    logout.add_argument("--password-stdin", action="store_true", help="read the password from the first line of stdin")
    logout.add_argument("--aet", required=True, type=arguments.aet, help="the workstation's AE title")


def run_login(args: argparse.Namespace, output: Output) -> int:
    """Open a session."""
    is_here = _is_here(args)
    password = read_password(args.user, from_stdin=args.password_stdin, twice=False)
    if not is_here:
        until_then = _at_workstation(args, password, args.seconds)
        return _signed_in(output, {"aet": args.aet, "user": args.user, "until": until_then})
    words = {"aet": args.aet, "user": args.user, "password": password, "seconds": args.seconds}
    return _signed_in(output, client.call(args.folder, "login", words))


def _signed_in(output: Output, result: dict[str, Any]) -> int:
    from idas_p2p.dashboard.configuration import until

    output.say(f"{result['user']} is signed in at {result['aet']} until {until(result['until'])}")
    if output.as_json:
        output.document(result)
    return 0


def run_logout(args: argparse.Namespace, output: Output) -> int:
    """End a session."""
    if _is_here(args):
        result = client.call(args.folder, "logout", {"aet": args.aet})
    elif args.user:
        _at_workstation(args, read_password(args.user, from_stdin=args.password_stdin, twice=False), 0.0)
        result = {"aet": args.aet}
    else:
        raise UsageError("with --node, say who signs out: --user NAME")
    output.say(f"nobody is signed in at {args.aet} any more")
    if output.as_json:
        output.document(result)
    return 0


def _add_where(parser: Parser) -> None:
    parser.add_argument("folder", metavar="DIR", nargs="?", type=arguments.folder, help="the node's folder")
    parser.add_argument(
        "--node",
        metavar="HOST:PORT/ID",
        type=arguments.contact,
        help="from the workstation: where the node listens for other nodes, and its NodeId (`idas id` there)",
    )


def _is_here(args: argparse.Namespace) -> bool:
    """Whether the node is on this machine.

    Raises:
        UsageError: neither or both of DIR and --node were typed.
    """
    if (args.folder is None) == (args.node is None):
        raise UsageError("give DIR on the node's own machine, or --node HOST:PORT/ID at the workstation")
    return args.folder is not None


def _at_workstation(args: argparse.Namespace, password: str, seconds: float) -> float:
    import asyncio

    from idas_p2p.node.sign_in_server import sign_in

    if seconds > MAX_SECONDS:
        raise UsageError("a session lasts at most 24 hours")
    return asyncio.run(sign_in(args.node, args.aet, args.user, password, seconds=max(seconds, 1.0) if seconds else 0.0))
