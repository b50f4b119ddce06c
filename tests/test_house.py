"""The house is in order: every module says its law and has its tests."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path.relative_to(ROOT) for room in ("idas_p2p", "bootstrap") for path in (ROOT / room).rglob("*.py"))
MAX_LINES = 300


def mirrored(module: Path) -> Path:
    """Where a module's tests live: idas_p2p/wire/ids.py -> tests/wire/test_ids.py."""
    parts = module.parts[1:] if module.parts[0] == "idas_p2p" else module.parts
    return ROOT.joinpath("tests", *parts[:-1], f"test_{module.stem.strip('_')}.py")


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_says_its_law_first(module: Path) -> None:
    assert ast.get_docstring(ast.parse((ROOT / module).read_text())), f"{module} has no docstring"


@pytest.mark.parametrize("module", [m for m in MODULES if m.name != "__init__.py"], ids=str)
def test_a_module_has_its_tests_at_the_mirrored_path(module: Path) -> None:
    assert mirrored(module).exists(), f"{mirrored(module).relative_to(ROOT)} is missing"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_fits_on_a_few_pages(module: Path) -> None:
    assert len((ROOT / module).read_text().splitlines()) <= MAX_LINES


def test_test_functions_are_named_by_sentences() -> None:
    short = [
        f"{path.name}: {node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and node.name.count("_") < 3
    ]
    assert short == []
