"""What a change would do is told by subject and levels."""

from __future__ import annotations

from idas_p2p.access.levels import FULL, NONE
from idas_p2p.access.objects import Facts, Objects
from idas_p2p.access.policy import Rule
from idas_p2p.access.preview import Change, Members, preview
from idas_p2p.access.subjects import parse_subject
from idas_p2p.wire.level import Level
from tests.access.region import ANNA, BERT, CARL

MEMBERS = Members(ANNA.node_id, "Anna", {BERT.node_id: "Bert"})
STUDIES = [Facts(study_uid="1", modalities=("CT",)), Facts(study_uid="2", modalities=("MR",))]


def rule(subject: str, level: Level, *modalities: str) -> Rule:
    return Rule(subjects=(parse_subject(subject),), level=level, objects=Objects(modalities=modalities))


def changes(before: list[Rule], after: list[Rule]) -> list[tuple[str, str, str, list[str]]]:
    found = preview(before, after, STUDIES, MEMBERS, now=0.0)
    return [(str(change.subject), change.before, change.after, list(change.studies)) for change in found]


def test_a_change_is_told_for_everyone_and_for_each_subject_that_rules_name() -> None:
    before = [rule("node:Bert", FULL, "CT")]
    assert changes(before, [rule("everyone", FULL)]) == [
        ("everyone", "none", "full", ["1", "2"]),
        ("node:Bert", "none", "full", ["2"]),
    ]
    assert changes(before, before) == []


def test_a_rule_by_node_id_is_seen_to_mean_the_member_of_that_name() -> None:
    before = [rule("node:Bert", NONE), rule("everyone", FULL)]
    after = [rule(f"node:{BERT.node_id}", FULL), *before]
    assert ("node:Bert", "none", "full", ["1", "2"]) in changes(before, after)


def test_own_users_lose_what_a_rule_about_this_node_takes() -> None:
    assert changes([], [rule("node:Anna", NONE, "CT")]) == [("node:Anna", "full", "none", ["1"])]


def test_somebody_at_a_node_is_found_by_name_or_id_and_nobody_at_a_strangers() -> None:
    assert MEMBERS.requester(str(BERT.node_id), "dr.b") == MEMBERS.requester("bert", "dr.b")
    assert MEMBERS.requester("Carl") is None
    assert MEMBERS.requester(str(CARL.node_id)) is None
    own = MEMBERS.requester("Anna")
    assert own is not None
    assert own.is_own
    assert Change(parse_subject("everyone"), "none", "full", []).studies == []


def test_a_rule_for_another_federation_changes_nothing_in_the_first() -> None:
    assert changes([], [rule("in:South:everyone", FULL)]) == [("in:South:everyone", "none", "full", ["1", "2"])]
