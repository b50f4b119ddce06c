"""What every test shares: how many examples hypothesis tries, and when real peers may be missing."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import hypothesis
import pytest

# the same examples each time, so that a red run is about the change; `make fuzz` looks for new ones
hypothesis.settings.register_profile("quick", max_examples=100, deadline=None, derandomize=True)
hypothesis.settings.register_profile(
    "fuzz", max_examples=int(os.environ.get("IDAS_FUZZ_EXAMPLES", "100")), deadline=None
)
hypothesis.settings.load_profile("fuzz" if "IDAS_FUZZ_EXAMPLES" in os.environ else "quick")


@cache
def attacks() -> frozenset[str]:
    """Names of the tests that docs/security.md names for attacks."""
    text = (Path(__file__).parents[1] / "docs" / "security.md").read_text()
    return frozenset(re.findall(r"`(test_\w+)`", text.partition("\n### Attacks")[2].partition("\n## ")[0]))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of attacks: `pytest -m attack` runs them alone."""
    if getattr(item, "originalname", item.name) in attacks():
        item.add_marker("attack")
