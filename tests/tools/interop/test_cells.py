"""Cells of the interoperability matrix."""

from __future__ import annotations

import subprocess

import pytest

from tools.interop.cells import ABSENT, BROKEN, CANNOT, OPERATIONS, WORKS, Cell, Failed, printed, tried


def fails(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (Failed("0 of 3 images arrived"), "fails: 0 of 3 images arrived"),
        (FileNotFoundError(2, "No such file", "gdcmscu"), ABSENT),
        (subprocess.TimeoutExpired("x", 120), "fails: no end within 120 s"),
        (ValueError("odd\n  text"), "fails: odd text"),
    ],
)
def test_an_operation_that_does_not_work_says_why(error: Exception, result: str) -> None:
    assert tried("DCMTK", "SCU", "echo", lambda: fails(error)).result == result


def test_what_works_and_what_there_is_not_are_told_apart() -> None:
    assert tried("DCMTK", "SCU", "echo", lambda: None).result == WORKS
    assert tried("DCMTK", "SCU", "commit", None).result == CANNOT


@pytest.mark.parametrize(
    ("result", "is_failure"), [(WORKS, False), (CANNOT, False), (ABSENT, False), (BROKEN, False), ("fails: x", True)]
)
def test_only_what_should_work_and_does_not_is_a_failure(result: str, is_failure: bool) -> None:
    assert Cell("DCMTK", "SCU", "echo", result).is_failure is is_failure


def test_the_matrix_has_a_row_for_each_role_and_names_failures_below() -> None:
    cells = [Cell("DCMTK", "SCU", "echo", WORKS), Cell("DCMTK", "SCP", "move", "fails: refused")]
    lines = printed(cells).splitlines()
    assert lines[2] == "| DCMTK | SCU | works |" + " - |" * (len(OPERATIONS) - 1)
    assert "| fails |" in lines[3]
    assert lines[-1] == "- DCMTK as SCP, move: fails: refused"
