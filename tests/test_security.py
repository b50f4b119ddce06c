"""docs/security.md keeps its word: each guarantee names tests, and they exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import attacks

ROOT = Path(__file__).parents[1]
PROMISES, _, ATTACKS = (ROOT / "docs" / "security.md").read_text().split("\n## 3.")[0].partition("\n### Attacks")
GUARANTEES = re.split(r"\n(?=G\d+\. )", PROMISES)[1:]


def existing_tests() -> set[str]:
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_guarantees_are_numbered_in_order() -> None:
    assert [text.split(".")[0] for text in GUARANTEES] == [f"G{n}" for n in range(1, len(GUARANTEES) + 1)]
    assert len(GUARANTEES) > 10


def test_every_guarantee_names_tests_and_all_of_them_exist() -> None:
    named = {text.split(".")[0]: set(re.findall(r"`(test_\w+)`", text)) for text in GUARANTEES}
    assert [number for number, tests in named.items() if not tests] == []
    assert set().union(*named.values()) - existing_tests() == set()


@pytest.mark.parametrize(
    "attack",
    [
        *("forged token", "expired token", "may not vouch for", "ticket of another", "replay", "another level"),
        *("removed member with old secrets", "rolled-back manifest", "not on the roster", "spoofed from another"),
        *("timing of `none`", "guessing UIDs", "log cut or edited"),
    ],
)
def test_each_attack_is_tried_by_tests_that_exist(attack: str) -> None:
    rows = [row for row in ATTACKS.splitlines() if row.startswith("| ") and attack in row.split("|")[1]]
    assert len(rows) == 1
    named = set(re.findall(r"`(test_\w+)`", rows[0]))
    assert named
    assert named - existing_tests() == set()


def test_all_tests_of_attacks_can_be_run_by_their_mark(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("attack") is None  # this one tries none
    assert attacks() == set(re.findall(r"`(test_\w+)`", ATTACKS))


def test_documents_that_are_linked_exist() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    links = {page.parent / link for page in pages for link in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text())}
    assert {str(path) for path in links if not path.exists()} == set()
