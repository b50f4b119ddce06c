"""`idas user add|list|password|unlock|remove`: the people of this institution.

A password is never an argument: other users of the machine could read it. It is asked for, or comes on stdin.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import TYPE_CHECKING, Any

from idas_p2p.cli import arguments
from idas_p2p.cli.arguments import UsageError
from idas_p2p.cli.configuration import changed, load_config, open_database, open_settings
from idas_p2p.cli.parser import Commands, add_command, add_family
from idas_p2p.cli.render import Output
from idas_p2p.errors import BadConfiguration

if TYPE_CHECKING:
    from idas_p2p.store.settings import User

MAX_PASSWORD_LINE = 4_096  # characters read from stdin; ours


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    family = add_family(commands, "user", summary="The accounts of people who ask through this node.")
    add = add_command(
        family,
        "add",
        run_add,
        summary="Add an account; its password is asked for.",
        example="idas user add /srv/idas dr-lee --group radiology\n"
        "idas user add /srv/idas dr-lee --password-stdin < password.txt",
    )
    add.add_argument("name", metavar="NAME", type=arguments.name, help="the user's name")
    add.add_argument(
        "--group", action="append", default=[], metavar="G", type=arguments.name, help="a client group; may be repeated"
    )
    add.add_argument("--password-stdin", action="store_true", help="read the password from the first line of stdin")
    add_command(family, "list", run_list, summary="List the accounts of this node.", example="idas user list /srv/idas")
    password = add_command(
        family,
        "password",
        run_password,
        summary="Give an account another password; whoever is signed in by the old one is signed out.",
        example="idas user password /srv/idas dr-lee",
    )
    password.add_argument("name", metavar="NAME", type=arguments.name, help="a user's name")
    password.add_argument("--password-stdin", action="store_true", help="read it from the first line of stdin")
    unlock = add_command(
        family,
        "unlock",
        run_unlock,
        summary="Forget the wrong passwords of an account, so that it need not wait.",
        example="idas user unlock /srv/idas dr-lee",
    )
    unlock.add_argument("name", metavar="NAME", type=arguments.name, help="a user's name")
    remove = add_command(
        family, "remove", run_remove, summary="Remove an account.", example="idas user remove /srv/idas dr-lee"
    )
    remove.add_argument("name", metavar="NAME", type=arguments.name, help="a user's name, see `idas user list`")


def run_add(args: argparse.Namespace, output: Output) -> int:
    """Add one account."""
    from idas_p2p.access.passwords import hash_password
    from idas_p2p.store.settings import User

    load_config(args.folder)  # before a person is asked for a password in vain
    hashed = hash_password(read_password(args.name, from_stdin=args.password_stdin), user=args.name)
    user = User(name=args.name, password_hash=hashed, groups=tuple(sorted(set(args.group))))
    with open_settings(args.folder) as settings:
        settings.add_user(user)
    return changed(args.folder, output, f"user {user.name} added", {"user": _document(user)})


def run_list(args: argparse.Namespace, output: Output) -> int:
    """Print every account, without its password."""
    from idas_p2p.store.settings import Settings
    from idas_p2p.store.sign_ins import SignIns

    with open_database(args.folder) as database:
        failures = SignIns(database).counts()
        documents = [
            {**_document(user), "wrong_passwords": failures.get(user.name, (0, 0.0))[0]}
            for user in Settings(database).users()
        ]
    from idas_p2p.dashboard.configuration import users_table

    output.answer({"users": documents}, lambda: users_table(documents))
    return 0


def run_remove(args: argparse.Namespace, output: Output) -> int:
    """Remove one account."""
    from idas_p2p.store.settings import Settings
    from idas_p2p.store.sign_ins import SignIns

    with open_database(args.folder) as database:
        Settings(database).remove_user(args.name)
        SignIns(database).end_sessions_of(args.name)
    return changed(args.folder, output, f"user {args.name} removed", {"removed": args.name})


def run_password(args: argparse.Namespace, output: Output) -> int:
    """Change one password."""
    from dataclasses import replace

    from idas_p2p.access.passwords import hash_password
    from idas_p2p.store.settings import Settings
    from idas_p2p.store.sign_ins import SignIns

    with open_database(args.folder) as database:
        user = Settings(database).user(args.name)
        hashed = hash_password(read_password(user.name, from_stdin=args.password_stdin), user=user.name)
        Settings(database).add_user(replace(user, password_hash=hashed))
        SignIns(database).end_sessions_of(user.name)
    return changed(args.folder, output, f"user {user.name} has another password", {"user": _document(user)})


def run_unlock(args: argparse.Namespace, output: Output) -> int:
    """Forget one account's wrong passwords."""
    from idas_p2p.store.settings import Settings
    from idas_p2p.store.sign_ins import SignIns

    with open_database(args.folder) as database:
        user = Settings(database).user(args.name)
        SignIns(database).clear(user.name)
    return changed(args.folder, output, f"user {user.name} need not wait", {"user": _document(user)})


def read_password(name: str, *, from_stdin: bool, twice: bool = True) -> str:
    """A password from the first line of stdin, or typed at the terminal, a new one twice.

    Raises:
        UsageError: it should be typed, but there is no terminal.
        BadConfiguration: empty, or typed differently the second time.
    """
    if from_stdin:
        password = sys.stdin.readline(MAX_PASSWORD_LINE).rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise UsageError("there is no terminal to type a password at; use --password-stdin")
    else:
        password = getpass.getpass(f"Password for {name}: ")
        if twice and getpass.getpass("Again: ") != password:
            raise BadConfiguration("the two passwords differ")
    if not password:
        raise BadConfiguration("the password is empty")
    return password


def _document(user: User) -> dict[str, Any]:
    return {"name": user.name, "groups": list(user.groups)}
