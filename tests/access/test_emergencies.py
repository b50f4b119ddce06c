"""Emergencies as values: whom they cover, when they end, what is kept."""

from __future__ import annotations

import pytest

from idas_p2p.access.compiled import Policy
from idas_p2p.access.emergencies import HOLDER, KEPT_FOR, LASTS, REQUESTER, Emergencies, Emergency
from idas_p2p.access.levels import FULL, NONE
from idas_p2p.access.objects import Facts, Objects, Patient
from idas_p2p.access.policy import Rule, explain
from idas_p2p.access.policy_file import parse_policy
from idas_p2p.access.subjects import Requester, parse_subject
from idas_p2p.errors import BadConfiguration, NoSuchThing
from idas_p2p.wire.terms import fold
from tests.access.region import ANNA, BERT, Vault

NOW = 1_000_000.0
WHO = Requester(node_id=BERT.node_id, institution="Bert Clinic", user="dr-lee")


def about(patient_id: str, issuer: str = "") -> Patient:
    """A patient as the facts of a study name it."""
    return Patient(fold(patient_id), fold(issuer))


def begin(
    state: Emergencies, *, side: int = HOLDER, issuer: str = "", user: str = "dr-lee", now: float = NOW
) -> Emergency:
    return state.begin(
        side, BERT.node_id, institution="Bert Clinic", user=user, patient_id="P1", issuer=issuer, reason="why", now=now
    )


def test_an_emergency_covers_one_user_of_one_node_and_one_patient_for_an_hour() -> None:
    state = Emergencies(Vault())
    begin(state)
    assert state.covers(WHO, about("P1", "ST. ANNA"), now=NOW)
    assert state.covers(WHO, about("P1"), now=NOW + LASTS - 1)
    assert not state.covers(WHO, about("P1"), now=NOW + LASTS)
    assert not state.covers(WHO, about("P2"), now=NOW)
    other = Requester(node_id=BERT.node_id, institution="Bert Clinic", user="dr-moss")
    elsewhere = Requester(node_id=ANNA.node_id, institution="Anna", user="dr-lee")
    assert not state.covers(other, about("P1"), now=NOW)
    assert not state.covers(elsewhere, about("P1"), now=NOW)


def test_an_issuer_that_was_given_must_be_that_of_the_study() -> None:
    state = Emergencies(Vault())
    begin(state, issuer="St. Anna")
    assert state.covers(WHO, about("P1", "ST. ANNA"), now=NOW)
    assert not state.covers(WHO, about("P1", "OTHER"), now=NOW)
    assert not state.covers(WHO, about("P1"), now=NOW)


def test_what_a_user_of_ours_takes_elsewhere_opens_nothing_here() -> None:
    state = Emergencies(Vault())
    made = begin(state, side=REQUESTER)
    assert not state.covers(WHO, about("P1"), now=NOW)
    with pytest.raises(NoSuchThing):
        state.end(made.number, now=NOW)


def test_it_outlives_a_restart_and_ends_when_the_owner_says_so() -> None:
    shelf = Vault()
    made = begin(Emergencies(shelf))
    again, version = Emergencies(shelf), Emergencies(shelf).version
    assert again.covers(WHO, about("P1"), now=NOW)
    again.end(made.number, now=NOW + 1)
    assert again.version > version
    assert not Emergencies(shelf).covers(WHO, about("P1"), now=NOW + 1)
    with pytest.raises(NoSuchThing):
        again.end(made.number, now=NOW + 2)


def test_a_second_one_about_the_same_patient_takes_the_place_of_the_first() -> None:
    state = Emergencies(Vault())
    begin(state)
    second = begin(state, now=NOW + 10)
    assert [one.number for one in state.open_now(now=NOW + 10)] == [second.number]


def test_it_is_told_once_that_its_time_is_over_and_forgotten_after_a_month() -> None:
    state = Emergencies(Vault())
    made = begin(state)
    assert state.over(now=NOW) == []
    assert [one.number for one in state.over(now=NOW + LASTS)] == [made.number]
    assert state.over(now=NOW + LASTS) == []
    begin(state, user="dr-moss", now=NOW + LASTS + KEPT_FOR)
    assert [one.user for one in state.all()] == ["dr-moss"]


def test_an_emergency_never_prints_whom_it_is_about() -> None:
    assert repr(begin(Emergencies(Vault()))) == "Emergency(1)"


RULES = (
    Rule(subjects=(parse_subject("node:Bert Clinic"),), level=FULL, break_glass=True, origin="first"),
    Rule(subjects=(parse_subject("everyone"),), level=NONE, objects=Objects(labels=("VIP",)), origin="second"),
)
STUDY = Facts(study_uid="1.2", patient=Patient("P1"), labels=("VIP",))


def test_a_rule_for_emergencies_speaks_of_nobody_else() -> None:
    policy = Policy(RULES)
    assert policy.decide(WHO, STUDY, now=NOW).position == 1
    broken = Requester(node_id=BERT.node_id, institution="Bert Clinic", user="dr-lee", in_emergency=True)
    assert policy.decide(broken, STUDY, now=NOW).level is FULL
    other = Requester(node_id=ANNA.node_id, institution="Anna", in_emergency=True)
    assert policy.decide(other, STUDY, now=NOW).level is NONE
    for requester in (WHO, broken, other):
        decision, earlier = explain(RULES, requester, STUDY, now=NOW)
        assert decision == policy.decide(requester, STUDY, now=NOW)
        assert all(why for _, why in earlier)
    assert explain(RULES, WHO, STUDY, now=NOW)[1][0][1] == "it is for emergencies: idas break-glass"
    assert "in an emergency only" in RULES[0].words()


def test_the_file_says_which_rules_are_for_emergencies() -> None:
    text = '[[rule]]\nto = "everyone"\nlevel = "full"\nbreak_glass = true\n'
    assert [rule.break_glass for rule in parse_policy(text + text.replace("true", "false")).rules] == [True, False]
    for wrong in (text.replace("true", '"yes"'), text.replace("full", "none")):
        with pytest.raises(BadConfiguration, match="break_glass"):
            parse_policy(wrong)
