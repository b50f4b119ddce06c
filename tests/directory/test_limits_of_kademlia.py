"""docs/decisions/limits-of-kademlia.md keeps its word: no limit is left out, and each is met by tests that exist."""

from __future__ import annotations

import re

from tests.test_security import ROOT, existing_tests

LIMITS = range(1, 33)
PAGE = (ROOT / "docs/decisions/limits-of-kademlia.md").read_text()
LINES = {int(line.split("|")[1]): line for line in PAGE.splitlines() if re.match(r"\| \d", line)}


def named_after(test: str) -> set[int]:
    """The limits in a test's name: test_limits_23_and_24_... is after both."""
    found = re.match(r"test_limits?_(\d+(?:_and_\d+)*)_", test)
    return {int(number) for number in found[1].split("_and_")} if found else set()


def test_every_limit_has_its_line_and_they_are_in_order() -> None:
    assert list(LINES) == list(LIMITS)


def test_every_limit_is_met_by_tests_named_after_it() -> None:
    named = {number: re.findall(r"`(test_\w+)`", line) for number, line in LINES.items()}
    assert [number for number, tests in named.items() if not tests] == []
    assert [number for number, tests in named.items() if any(number not in named_after(test) for test in tests)] == []
    assert {test for tests in named.values() for test in tests} - existing_tests() == set()


def test_no_test_is_named_after_a_limit_that_does_not_exist() -> None:
    assert set().union(*map(named_after, existing_tests())) == set(LIMITS)


def test_what_is_accepted_or_decided_says_why() -> None:
    for number, line in LINES.items():
        assert ("see below" in line) == (f"**Limit {number}, " in PAGE)
