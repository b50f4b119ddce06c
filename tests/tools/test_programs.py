"""Programs are waited for until ready, and always ended."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.programs import NotReady, Program, answers, free_port, wait_until


def python(tmp_path: Path, code: str) -> Program:
    return Program("python", [sys.executable, "-c", code], log=tmp_path)


def test_a_program_is_ready_when_it_says_so_and_ends_when_asked(tmp_path: Path) -> None:
    program = python(tmp_path, "print('ready', flush=True); __import__('signal').pause()")
    with program:
        program.start(lambda: "ready" in program.said)
        assert program.is_running
    assert not program.is_running


def test_a_program_that_ends_instead_tells_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="no such key"):
        python(tmp_path, "import sys; sys.exit('no such key')").start(lambda: False)


def test_a_program_that_never_gets_ready_is_ended(tmp_path: Path) -> None:
    program = python(tmp_path, "__import__('signal').pause()")
    with pytest.raises(NotReady):
        program.start(lambda: False, timeout=0.1)
    assert not program.is_running


def test_a_second_start_is_not_taken_for_the_first(tmp_path: Path) -> None:
    program = python(tmp_path, "print('ready', flush=True); __import__('signal').pause()")
    for _ in range(2):
        program.start(lambda: program.said == "ready\n")
        program.kill()


def test_ports_are_given_away_once() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert not answers(ports[0])


def test_waiting_names_what_did_not_come() -> None:
    with pytest.raises(TimeoutError, match="the ship"):
        wait_until(lambda: False, timeout=0.01, what="the ship")
