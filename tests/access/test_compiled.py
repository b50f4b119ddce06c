"""The index decides exactly as the rules read one after another, however many there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.access.compiled import Policy
from idas_p2p.access.levels import FULL, NONE
from idas_p2p.access.objects import Facts, Objects, Patient
from idas_p2p.access.policy import Decision, Rule, first_match
from idas_p2p.access.subjects import Requester, parse_subject
from tests.access.region import ANNA, BERT

SUBJECTS = [
    parse_subject(text)
    for text in ("everyone", "node:Anna", f"node:{ANNA.node_id}", "nodes:Lake", "group:Radiology", "user:dr.a@Anna")
]
DAYS = ("00000000", "20230101", "20240101", "20240131", "99999999")


def some(*values: object, most: int = 2) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True).map(tuple)


PATIENTS = (Patient("p1"), Patient("p2"), Patient("p1", "city"), Patient("p1", "lake"))
OBJECTS = st.builds(
    Objects,
    studies=some("1.1", "1.2"),
    patients=some(*PATIENTS),
    modalities=some("CT", "MR", "SR"),
    dates=st.none() | st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).map(lambda pair: tuple(sorted(pair))),
    archives=some("pacs", "old"),
    labels=some("vip", "trial"),
)
RULES = st.lists(
    st.builds(
        Rule,
        subjects=st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=2).map(tuple),
        level=st.sampled_from([FULL, NONE]),
        objects=OBJECTS,
        expires=st.none() | st.sampled_from([5.0, 10.0]),
    ),
    max_size=8,
)
REQUESTERS = st.builds(
    Requester,
    node_id=st.sampled_from([ANNA.node_id, BERT.node_id]),
    institution=st.sampled_from(["Anna", "Bert"]),
    user=st.sampled_from(["", "dr.a", "dr.b"]),
    node_groups=st.sampled_from([frozenset(), frozenset({"lake"})]),
    client_groups=st.sampled_from([frozenset(), frozenset({"radiology"})]),
    is_own=st.booleans(),
)
FACTS = st.builds(
    Facts,
    study_uid=st.sampled_from(["1.1", "1.2", "1.3"]),
    patient=st.sampled_from([*PATIENTS, Patient("")]),
    modalities=some("CT", "MR", "SR", most=3),
    date=st.sampled_from(["", "1.1.2024", "20221231", "20240115", "00000000"]),
    archives=some("pacs", "old"),
    labels=some("vip", "trial"),
)


@given(RULES, st.lists(st.tuples(REQUESTERS, FACTS, st.sampled_from([0.0, 5.0, 9.9, 10.0, 1.0])), max_size=6))
def test_the_index_decides_as_the_rules_read_one_after_another(
    rules: list[Rule], questions: list[tuple[Requester, Facts, float]]
) -> None:
    policy = Policy(rules)
    for requester, facts, now in questions:
        assert policy.decide(requester, facts, now=now) == first_match(rules, requester, facts, now=now)


def test_of_many_ranges_of_days_the_first_rule_that_covers_the_day_decides() -> None:
    rules = [
        Rule(subjects=(SUBJECTS[0],), level=FULL, objects=Objects(dates=(f"2024{day:04d}", "20241231")))
        for day in range(1_231, 100, -1)
    ]
    asks = Requester(node_id=BERT.node_id, institution="Bert")
    assert Policy(rules).decide(asks, Facts(study_uid="1", date="20240615"), now=0.0) == Decision(FULL, 1_231 - 615)
    assert Policy(rules).decide(asks, Facts(study_uid="1", date="20230615"), now=0.0) == Decision(NONE)


def test_the_groups_that_rules_name_are_known_so_that_only_those_are_looked_up() -> None:
    policy = Policy([Rule(subjects=tuple(SUBJECTS), level=FULL)])
    assert (policy.node_groups, policy.client_groups) == ({"lake"}, {"radiology"})
    assert len(policy) == 1
