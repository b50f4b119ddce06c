"""One cell of the matrix: a peer, a role, an operation, and what came of it.

Belongs here: the values and how they are printed. Not here: trying (users.py, providers.py).
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

FINDS: Final = ("find patient", "find study", "find series", "find image")
OPERATIONS: Final = ("echo", *FINDS, "move", "get", "store", "commit")
WORKS, CANNOT, ABSENT, BROKEN = "works", "cannot", "not installed", "does not run here"
TIMEOUT: Final = 120.0  # seconds for one cell


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of one operation."""

    peer: str
    role: str  # "SCU": it asks the node; "SCP": the node asks it
    operation: str
    result: str  # WORKS, CANNOT, ABSENT, BROKEN, or `fails: why`

    @property
    def is_failure(self) -> bool:
        """Whether it should work and does not."""
        return self.result not in (WORKS, CANNOT, ABSENT, BROKEN)


class Failed(Exception):
    """An operation did not do what it should; the text says what it did."""


def tried(peer: str, role: str, operation: str, attempt: Callable[[], object] | None) -> Cell:
    """Try one operation; None where this software has no such thing."""
    if attempt is None:
        return Cell(peer, role, operation, CANNOT)
    try:
        attempt()
    except FileNotFoundError as error:
        return Cell(peer, role, operation, ABSENT if error.filename else f"fails: {error}")
    except subprocess.TimeoutExpired:
        return Cell(peer, role, operation, f"fails: no end within {TIMEOUT:.0f} s")
    except Exception as error:  # a matrix shows what happened, whatever it was
        return Cell(peer, role, operation, f"fails: {' '.join(str(error).split())[:160]}")
    return Cell(peer, role, operation, WORKS)


def printed(cells: list[Cell]) -> str:
    """The matrix as a Markdown table, and below it what failed."""
    rows: dict[tuple[str, str], Mapping[str, str]] = {}
    for cell in cells:
        rows[cell.peer, cell.role] = {**rows.get((cell.peer, cell.role), {}), cell.operation: cell.result}
    lines = [f"| software | role | {' | '.join(OPERATIONS)} |", f"|---|---|{'---|' * len(OPERATIONS)}"]
    for (peer, role), results in rows.items():
        shown = (results.get(operation, CANNOT).partition(":")[0] for operation in OPERATIONS)
        lines.append(f"| {peer} | {role} | {' | '.join('-' if one == CANNOT else one for one in shown)} |")
    failures = [f"- {one.peer} as {one.role}, {one.operation}: {one.result}" for one in cells if one.is_failure]
    return "\n".join([*lines, "", *failures]).rstrip()
