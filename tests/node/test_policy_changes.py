"""Every change of the rules is in the audit log, also one that was made while the node did not run."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from idas_p2p.access.compiled import Policy
from idas_p2p.access.levels import FULL, NONE
from idas_p2p.access.policy import Rule
from idas_p2p.access.subjects import parse_subject
from idas_p2p.node.policy_changes import PolicyChanges, differences
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings
from idas_p2p.wire.audit import MAX_TEXT, Event, Kind


@dataclass
class Rules:
    policy: Policy = field(default_factory=Policy)


def rule(number: int, *, full: bool = True, to: str = "everyone") -> Rule:
    return Rule(subjects=(parse_subject(to),), level=FULL if full else NONE, origin=f"grant {number}")


@pytest.fixture
def settings(database: Database) -> Settings:
    return Settings(database)


async def test_what_came_and_what_went_is_recorded_once(settings: Settings) -> None:
    rules, noted = Rules(), list[Event]()
    changes = PolicyChanges(rules, settings, noted.append)
    await changes.turn()
    rules.policy = Policy([rule(1), rule(2, to="node:Lake Clinic")])
    for _ in range(2):
        await changes.turn()
    rules.policy = Policy([rule(2, to="node:Lake Clinic")])
    await changes.turn()
    assert [event.kind for event in noted] == [Kind.ALERT, Kind.ALERT]
    assert noted[0].text.startswith("+ grant 1: full to everyone")
    assert "\n+ grant 2: full to node:Lake Clinic" in noted[0].text
    assert noted[1].text.startswith("- grant 1: full to everyone")


async def test_a_change_made_while_the_node_did_not_run_is_recorded_when_it_starts(settings: Settings) -> None:
    noted = list[Event]()
    await PolicyChanges(Rules(Policy([rule(1)])), settings, noted.append).turn()
    await PolicyChanges(Rules(Policy([rule(1)])), settings, noted.append).turn()
    assert len(noted) == 1
    await PolicyChanges(Rules(Policy([rule(1, full=False)])), settings, noted.append).turn()
    assert "- grant 1: full" in noted[1].text
    assert "+ grant 1: none" in noted[1].text


def test_many_changes_take_as_many_records_as_they_need_and_none_is_cut() -> None:
    lines = [f"grant {number}: full to node:{'x' * 100}" for number in range(100)]
    texts = list(differences([], lines))
    assert all(len(text) <= MAX_TEXT for text in texts)
    assert [line for text in texts for line in text.splitlines()] == [f"+ {line}" for line in lines]


def test_an_order_that_changed_is_a_change() -> None:
    assert list(differences(["a", "b"], ["b", "a"])) == ["the order of the rules changed"]
    assert list(differences(["a", "b"], ["a", "b"])) == []
