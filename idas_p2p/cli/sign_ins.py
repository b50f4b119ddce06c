"""`idas login`, `idas logout`: who sits at a workstation whose program cannot say so itself."""

from __future__ import annotations

import argparse

from idas_p2p.cli import arguments, client
from idas_p2p.cli.parser import Commands, add_command
from idas_p2p.cli.render import Output
from idas_p2p.cli.users import read_password

DEFAULT_SECONDS = 8 * 3_600.0  # a shift


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    login = add_command(
        commands,
        "login",
        run_login,
        summary="Sign in at a workstation: what it asks from now on is asked for this user.",
        example="idas login /srv/idas --aet VIEWER --user dr-lee\n"
        "idas login /srv/idas --aet VIEWER --user dr-lee --for 2h --password-stdin < password.txt",
    )
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
        example="idas logout /srv/idas --aet VIEWER",
    )
    logout.add_argument("--aet", required=True, type=arguments.aet, help="the workstation's AE title")


def run_login(args: argparse.Namespace, output: Output) -> int:
    """Open a session."""
    password = read_password(args.user, from_stdin=args.password_stdin, twice=False)
    words = {"aet": args.aet, "user": args.user, "password": password, "seconds": args.seconds}
    result = client.call(args.folder, "login", words)
    from idas_p2p.dashboard.configuration import until

    output.say(f"{args.user} is signed in at {args.aet} until {until(result['until'])}")
    if output.as_json:
        output.document(result)
    return 0


def run_logout(args: argparse.Namespace, output: Output) -> int:
    """End a session."""
    result = client.call(args.folder, "logout", {"aet": args.aet})
    output.say(f"nobody is signed in at {args.aet} any more")
    if output.as_json:
        output.document(result)
    return 0
