"""The policy: the first rule that applies decides, and nothing is shared without one."""

from __future__ import annotations

from dataclasses import replace

from idas_p2p.access.levels import BUILT_IN, FULL, NONE
from idas_p2p.access.objects import Facts, Objects
from idas_p2p.access.policy import Decision, Rule, explain, first_match
from idas_p2p.access.subjects import Requester, parse_subject
from idas_p2p.wire.level import Level
from tests.access.region import ANNA, BERT

ANNA_ASKS = Requester(node_id=ANNA.node_id, institution="Anna", user="dr.a")
STUDY = Facts(study_uid="1.2.3", modalities=("CT",))


def rule(subject: str, level: str, *, expires: float | None = None, **objects: object) -> Rule:
    return Rule(subjects=(parse_subject(subject),), level=BUILT_IN[level], expires=expires, objects=Objects(**objects))  # type: ignore[arg-type]


def level(rules: list[Rule], requester: Requester = ANNA_ASKS, *, now: float = 0.0) -> Level:
    return first_match(rules, requester, STUDY, now=now).level


def test_nothing_is_shared_without_a_rule() -> None:
    assert first_match([], ANNA_ASKS, STUDY, now=0.0) == Decision(NONE)


def test_the_houses_own_users_see_everything_until_a_rule_says_otherwise() -> None:
    own = replace(ANNA_ASKS, is_own=True)
    assert level([], own) == FULL
    assert level([rule("node:Anna", "none")], own) == NONE


def test_a_rule_about_everyone_never_takes_a_study_from_the_houses_own_users() -> None:
    own = replace(ANNA_ASKS, is_own=True, node_groups=frozenset({"lake"}))
    assert level([rule("everyone", "none"), rule("nodes:Lake", "none")], own) == FULL


def test_the_first_rule_that_applies_decides() -> None:
    closed_then_open = [rule("node:Anna", "none"), rule("everyone", "full")]
    assert first_match(closed_then_open, ANNA_ASKS, STUDY, now=0.0) == Decision(NONE, 0)
    assert level(closed_then_open[::-1]) == FULL


def test_a_rule_ends_at_its_expiry_not_before() -> None:
    rules = [rule("everyone", "full", expires=10.0)]
    assert level(rules, now=9.9) == FULL
    assert level(rules, now=10.0) == NONE


def test_what_decides_is_explained_with_the_reason_why_each_rule_before_did_not() -> None:
    rules = [
        rule("node:Bert", "none"),
        rule("everyone", "full", modalities=("MR",)),
        rule("everyone", "full", expires=1.0),
        rule("everyone", "full"),
        rule("everyone", "none"),
    ]
    decision, earlier = explain(rules, ANNA_ASKS, STUDY, now=2.0)
    assert decision == Decision(FULL, 3)
    assert [why for _, why in earlier] == ["it is about node:Bert", "another modality", "it has expired"]
    assert explain(rules[:3], ANNA_ASKS, STUDY, now=2.0)[0] == Decision(NONE)


def test_rules_name_nodes_that_are_not_there_without_harm() -> None:
    assert level([rule(f"node:{BERT.node_id}", "none"), rule("everyone", "full")]) == FULL
