from __future__ import annotations

from idas_p2p.dashboard.policy import changes_table, explanation, rules_table
from tests.dashboard.pictures import drawn

RULE = {"origin": "grant 1", "to": ["everyone"], "studies": "modality CT", "level": "full", "expires": None}


def test_rules_and_changes_are_listed() -> None:
    assert "modality CT" in drawn(rules_table([RULE]))
    change = {"to": "everyone", "before": "none", "after": "full", "count": 5, "studies": ["1", "2", "3", "4"]}
    assert "and 2 more" in drawn(changes_table([change]))
    assert "Nothing would change" in drawn(changes_table([]))
    assert "with: idas grant" in drawn(rules_table([]))


def test_an_explanation_says_who_what_and_why_not() -> None:
    document = {"node": "Lake", "user": "", "level": "none", "is_held": False, "rule": None, "earlier": []}
    shown = drawn(explanation(document))
    assert "a user nobody named at Lake: none" in shown
    assert "holds no such study" in shown
    before = {**RULE, "why_not": "another modality"}
    assert "another modality" in drawn(explanation({**document, "rule": RULE, "earlier": [before]}))
