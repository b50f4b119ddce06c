from __future__ import annotations

import random

from idas_p2p.access.compiled import Policy
from idas_p2p.access.policy import first_match
from idas_p2p.access.policy_file import parse_policy
from tools.measure_policy import as_file, asking, made_rules, measure, study


def test_what_is_measured_decides_as_the_rules_do() -> None:
    rules = made_rules(300, random.Random(1))
    policy = Policy(rules)
    questions = [(asking(number), study(number * 7)) for number in range(100)]
    decided = [policy.decide(*question, now=0.0) for question in questions]
    assert decided == [first_match(rules, *question, now=0.0) for question in questions]
    assert len({decision.position for decision in decided}) > 3


def test_the_figures_are_told_with_how_much_was_measured() -> None:
    figures = measure(50, 200, 1)
    assert (figures["rules"], figures["decisions"]) == (50, 200)
    assert figures["worst_us"] >= figures["median_us"] > 0
    assert len(parse_policy(as_file(50)).rules) == 50
