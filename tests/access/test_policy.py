"""The policy: the first rule that applies decides, and nothing is shared without one."""

from __future__ import annotations

import pytest

from idas_p2p.access.policy import Level, Requester, Rule, Subject, SubjectKind, decide, parse_subject
from idas_p2p.errors import BadConfiguration
from tests.access.region import ANNA, BERT

ANNA_ASKS = Requester(node_id=ANNA.node_id, institution="Anna", user="dr.a")
EVERYONE = Subject(SubjectKind.EVERYONE)


def rule(subject: str, level: Level, *, expires: float | None = None) -> Rule:
    return Rule(subject=parse_subject(subject), level=level, expires=expires)


def test_nothing_is_shared_without_a_rule() -> None:
    assert decide([], ANNA_ASKS, now=0.0) is Level.NONE


def test_the_first_rule_that_applies_decides() -> None:
    closed_then_open = [rule("node:Anna", Level.NONE), rule("everyone", Level.FULL)]
    assert decide(closed_then_open, ANNA_ASKS, now=0.0) is Level.NONE
    assert decide(closed_then_open[::-1], ANNA_ASKS, now=0.0) is Level.FULL


@pytest.mark.parametrize("subject", ["everyone", "node:Anna", "node:anna", f"node:{ANNA.node_id}", " node : Anna "])
def test_a_rule_names_everyone_or_a_node_by_institution_or_id(subject: str) -> None:
    assert decide([rule(subject, Level.FULL)], ANNA_ASKS, now=0.0) is Level.FULL


@pytest.mark.parametrize("subject", ["node:Bert", f"node:{BERT.node_id}"])
def test_a_rule_about_another_node_does_not_apply(subject: str) -> None:
    assert decide([rule(subject, Level.FULL)], ANNA_ASKS, now=0.0) is Level.NONE


def test_a_node_gains_nothing_by_calling_itself_by_another_nodes_id() -> None:
    impostor = Requester(node_id=ANNA.node_id, institution=str(BERT.node_id))
    assert decide([rule(f"node:{BERT.node_id}", Level.FULL)], impostor, now=0.0) is Level.NONE


def test_a_rule_ends_at_its_expiry_not_before() -> None:
    rules = [rule("everyone", Level.FULL, expires=10.0)]
    assert decide(rules, ANNA_ASKS, now=9.9) is Level.FULL
    assert decide(rules, ANNA_ASKS, now=10.0) is Level.NONE


@pytest.mark.parametrize("text", ["", "node:", "node", "everyone:x", "somebody", "group:x", "Everyone"])
def test_another_form_of_subject_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration, match="write everyone, or node:NAME"):
        parse_subject(text)


@pytest.mark.parametrize("subject", [EVERYONE, Subject(SubjectKind.NODE, "Anna: West")])
def test_a_subject_is_read_as_it_is_written(subject: Subject) -> None:
    assert parse_subject(str(subject)) == subject


def test_an_unknown_level_is_refused_with_those_that_exist() -> None:
    assert Level.parse("full") is Level.FULL
    with pytest.raises(BadConfiguration, match="known are full, none"):
        Level.parse("half")
