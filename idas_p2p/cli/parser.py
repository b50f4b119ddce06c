"""The shape of every command: its help with a worked example, its folder, its `--json`.

Belongs here: what all commands have in common on the command line. Not here: any one command.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

from idas_p2p.cli import arguments
from idas_p2p.cli.render import Output

Run: TypeAlias = Callable[[argparse.Namespace, Output], int]
"""Does what a command asks and returns its exit status: 0 when all was done, else 1."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser without abbreviations that lets options stand between the positional arguments."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)
        self.accepts_mixed = False
        self._mixing = False

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse; a leaf command first reads its options and then what is left.

        argparse alone gives up on `find DIR --json PatientID=1`: the optional positionals match nothing before it.
        """
        if not self.accepts_mixed or self._mixing:
            return super().parse_known_args(args, namespace)
        self._mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong with it to stderr; exit status 2."""
        from idas_p2p.dashboard.text import printable

        super().error(printable(message, limit=2_000))


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def add_family(commands: Commands, name: str, *, summary: str) -> Commands:
    """Add a command that only has subcommands, such as `archive`."""
    parser = commands.add_parser(name, help=summary, description=summary)
    return parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)


def add_command(
    commands: Commands, name: str, run: Run, *, summary: str, example: str, has_folder: bool = True
) -> Parser:
    """Add a command that does something, with its folder and `--json`.

    Args:
        commands: where it belongs.
        name: what is typed.
        run: what it does.
        summary: one sentence; `%` is not special.
        example: worked commands, one a line, as they would be typed.
        has_folder: whether it is about a node of this machine.
    """
    lines = "\n".join(f"  {line.strip()}" for line in example.strip().splitlines())
    parser = commands.add_parser(name, help=summary, description=summary, epilog=f"example:\n{lines}")
    parser.accepts_mixed = True
    parser.set_defaults(run=run, parser=parser)
    if has_folder:
        parser.add_argument("folder", metavar="DIR", type=arguments.folder, help="the node's folder")
    parser.add_argument("--json", action="store_true", help="print one JSON document to stdout")
    return parser
