"""`idas user`."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from idas_p2p.access.passwords import password_matches
from idas_p2p.cli.configuration import open_settings
from tests.cli.conftest import IDAS, Type, run_idas

PASSWORD = "correct horse battery"


def add(folder: Path, *words: str, stdin: str = PASSWORD + "\n") -> int:
    return run_idas("user", "add", folder, "dr-lee", "--password-stdin", *words, stdin=stdin).status


def test_an_added_user_is_listed_with_groups_and_without_password(node_folder: Path) -> None:
    assert add(node_folder, "--group", "radiology", "--group", "ct") == 0
    listed = run_idas("user", "list", node_folder, "--json")
    assert listed.document == {"users": [{"name": "dr-lee", "groups": ["ct", "radiology"], "wrong_passwords": 0}]}
    assert run_idas("user", "remove", node_folder, "dr-lee").status == 0
    assert run_idas("user", "list", node_folder, "--json").document == {"users": []}


@pytest.mark.parametrize("stdin", [PASSWORD, f"{PASSWORD}\n", f"{PASSWORD}\r\nsecond line\n"])
def test_the_first_line_of_stdin_is_the_password_and_only_its_hash_is_kept(node_folder: Path, stdin: str) -> None:
    assert add(node_folder, stdin=stdin) == 0
    with open_settings(node_folder) as settings:
        hashed = settings.user("dr-lee").password_hash
    assert PASSWORD not in hashed
    assert password_matches(PASSWORD, hashed)


@pytest.mark.parametrize("stdin", ["", "\n", "short\n"])
def test_an_empty_or_short_password_adds_nobody(idas: Type, node_folder: Path, stdin: str) -> None:
    assert add(node_folder, stdin=stdin) == 1
    assert idas("user", "list", node_folder, "--json").document == {"users": []}


def test_without_a_terminal_the_password_must_come_on_stdin(node_folder: Path) -> None:
    typed = run_idas("user", "add", node_folder, "dr-lee", stdin=PASSWORD)
    assert typed.status == 2
    assert "--password-stdin" in typed.stderr


@pytest.mark.parametrize(("again", "status"), [(PASSWORD, 0), ("another password", 1)])
def test_at_a_terminal_the_password_is_typed_twice_unseen(node_folder: Path, again: str, status: int) -> None:
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [*IDAS, "user", "add", str(node_folder), "dr-lee"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        seen = b""
        for prompt, answer in ((b"Password for dr-lee: ", PASSWORD), (b"Again: ", again)):
            while prompt not in seen:
                seen += os.read(ours, 1_024)
            os.write(ours, answer.encode() + b"\n")
        assert process.wait(timeout=60) == status
        assert PASSWORD.encode() not in seen
    finally:
        os.close(ours)


def test_a_user_of_a_folder_without_node_is_refused_before_the_password_is_read(idas: Type, tmp_path: Path) -> None:
    typed = idas("user", "add", tmp_path, "dr-lee", "--password-stdin")
    assert typed.status == 1
    assert "idas init" in typed.stderr
