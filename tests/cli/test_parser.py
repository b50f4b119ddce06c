"""The shape all commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from idas_p2p.cli.parser import Parser, add_command, add_family
from idas_p2p.cli.render import Output


def nothing(args: argparse.Namespace, output: Output) -> int:
    return 0


@pytest.fixture
def parser() -> Parser:
    top = Parser(prog="idas")
    commands = top.add_subparsers(required=True, parser_class=Parser)
    find = add_command(commands, "find", nothing, summary="Find.", example="idas find DIR")
    find.add_argument("keys", nargs="*")
    find.add_argument("--user")
    family = add_family(commands, "archive", summary="Archives.")
    get = add_command(family, "get", nothing, summary="Get.", example="idas archive get DIR --to X")
    target = get.add_mutually_exclusive_group(required=True)
    target.add_argument("--out")
    target.add_argument("--to")
    return top


@pytest.mark.parametrize(
    "line",
    ["find D A=1 B=2 --user u --json", "find D --user u A=1 --json B=2", "find --json --user u D A=1 B=2"],
)
def test_options_may_stand_anywhere_among_the_arguments(parser: Parser, line: str) -> None:
    args = parser.parse_args(line.split())
    assert (args.folder, args.keys, args.user, args.json) == (Path("D").absolute(), ["A=1", "B=2"], "u", True)


@pytest.mark.parametrize(
    "line",
    ["find", "find D --us u", "find D --wrong", "archive", "archive get D", "archive get D --out a --to b", "x D"],
)
def test_a_command_line_that_does_not_fit_ends_with_two(parser: Parser, line: str) -> None:
    with pytest.raises(SystemExit) as end:
        parser.parse_args(line.split())
    assert end.value.code == 2


def test_help_shows_the_worked_example_on_its_own_line(parser: Parser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser.parse_args(["archive", "get", "--help"])
    assert end.value.code == 0
    assert "example:\n  idas archive get DIR --to X\n" in capsys.readouterr().out
