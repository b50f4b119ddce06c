"""What decisions rest on is given by the parts of a node that keep it."""

from __future__ import annotations

import pytest

from idas_p2p.node.groupings import Groupings
from idas_p2p.node.rules import RuleBook


@pytest.mark.parametrize("name", ["policy", "version", "labelled"])
def test_the_rule_book_says_what_is_in_force(name: str) -> None:
    assert hasattr(RuleBook, name) or name in RuleBook.__init__.__code__.co_names


@pytest.mark.parametrize("name", ["of", "known", "own"])
def test_groupings_say_who_belongs_to_which_group(name: str) -> None:
    assert callable(getattr(Groupings, name))
