"""The `idas` command as a whole: help, exit status, errors."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from idas_p2p.cli.client import SOCKET_NAME
from idas_p2p.cli.main import build_parser
from tests.cli.conftest import IDAS, Type, run_idas
from tests.cli.scripted_node import ScriptedNode


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from leaves(child)
            return
    yield parser


LEAVES = list(leaves(build_parser()))


@pytest.mark.parametrize("parser", LEAVES, ids=lambda parser: parser.prog)
def test_the_worked_example_in_the_help_is_a_valid_command(parser: argparse.ArgumentParser) -> None:
    examples = (parser.epilog or "").replace("\\\n", " ")
    lines = [line.strip() for line in examples.splitlines() if line.strip().startswith("idas ")]
    assert lines, "no example"
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        words = words[: words.index("<")] if "<" in words else words
        args = build_parser().parse_args(words)
        assert args.parser.prog == parser.prog


COMMANDS_PAGE = Path(__file__).parents[2] / "docs" / "operations" / "commands.md"


def test_every_command_shown_in_the_manual_is_a_valid_command() -> None:
    lines = [line for line in COMMANDS_PAGE.read_text().splitlines() if line.startswith("idas ")]
    shown = {build_parser().parse_args(shlex.split(line)[1:]).parser.prog for line in lines}
    assert shown == {parser.prog for parser in LEAVES}


def test_every_command_of_the_public_interface_is_there() -> None:
    assert {parser.prog.removeprefix("idas ") for parser in LEAVES} >= {
        *("init", "run", "id", "join", "grant", "find", "get", "status", "peers", "transfers", "studies"),
        *("archive add", "archive list", "archive remove"),
        *("workstation add", "workstation list", "workstation remove"),
        *("user add", "user list", "user remove", "group add", "group list"),
        *("federation create", "federation invite", "federation members", "federation remove"),
    }


def test_help_loads_no_heavy_library() -> None:
    program = (
        "import sys\nfrom idas_p2p.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'sqlalchemy', 'pydicom', 'pynetdicom', 'rich', 'nacl', 'asyncio', 'kademlia', 'uvloop'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip() == ""


def test_no_command_at_all_is_a_usage_error() -> None:
    typed = run_idas()
    assert (typed.status, typed.stdout) == (2, "")
    assert typed.stderr.startswith("usage: idas")


def test_an_unknown_option_is_a_usage_error_and_escaped(idas: Type, tmp_path: Path) -> None:
    typed = idas("status", tmp_path, "--col\x1b[31mour")
    assert typed.status == 2
    assert "\x1b" not in typed.stderr


def test_a_command_that_needs_the_node_says_how_to_start_it(tmp_path: Path) -> None:
    typed = run_idas("status", tmp_path)
    assert typed.status == 1
    assert typed.stderr == f"idas: {tmp_path}. This command needs the node to run. " + (
        "Start it with `idas run DIR` and try again.\n"
    )


def test_with_json_an_error_is_a_document_too(idas: Type, tmp_path: Path) -> None:
    typed = idas("peers", tmp_path, "--json")
    assert typed.status == 1
    assert typed.document["error"]["code"] == "user.not_running"
    assert typed.stderr.startswith("idas: ")


def test_a_fault_of_the_program_is_named_by_place_without_its_text(
    idas: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("CANARY^PATIENT")

    monkeypatch.setattr("idas_p2p.cli.client.call", broken)
    typed = idas("status", tmp_path)
    assert typed.status == 1
    assert "KeyError at test_main.py:" in typed.stderr
    assert "CANARY" not in typed.stderr


def interrupt(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C, and again where it came just before the wait that it should have ended; what is said then."""
    for _ in range(4):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=10)[1]
    process.kill()
    return process.communicate(timeout=10)[1]


def test_ctrl_c_while_waiting_ends_the_command_quietly(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / SOCKET_NAME))
        silent.listen()
        heeds = ["env", "--default-signal=INT"]  # a job that a shell runs in the background is made to ignore Ctrl-C
        process = subprocess.Popen([*heeds, *IDAS, "status", str(tmp_path)], stderr=subprocess.PIPE, text=True)
        connection, _ = silent.accept()
        with connection, connection.makefile("rb") as lines:
            lines.readline()
            stderr = interrupt(process)
    assert (process.returncode, stderr) == (130, "")


def test_a_reader_that_left_early_is_no_fault(tmp_path: Path) -> None:
    studies = [{"PatientName": "X" * 200, "StudyInstanceUID": str(n)} for n in range(2_000)]
    with ScriptedNode(tmp_path, {"studies": [{"result": {"studies": studies}}]}):
        done = subprocess.run(
            f"{shlex.join(IDAS)} studies {shlex.quote(str(tmp_path))} --json | head -n 1",
            shell=True,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout == "{\n"
    assert done.stderr == ""
