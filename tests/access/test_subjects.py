"""Subjects mean whom an operator means by them, and nobody who only calls itself so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.access.subjects import Requester, Subject, SubjectKind, parse_subject
from idas_p2p.errors import BadConfiguration
from tests.access.region import ANNA, BERT

ANNA_ASKS = Requester(
    node_id=ANNA.node_id,
    institution="Anna",
    user="dr.a@ward",
    node_groups=frozenset({"lake"}),
    client_groups=frozenset({"radiology"}),
)


def means(subject: str, requester: Requester = ANNA_ASKS) -> bool:
    return parse_subject(subject).key() in set(requester.keys())


@pytest.mark.parametrize(
    "subject",
    [
        "everyone",
        "node:Anna",
        "node:anna",
        f"node:{ANNA.node_id}",
        " node : Anna ",
        "nodes:LAKE",
        "group:Radiólogy",
        "user:dr.a@ward@Anna",
        f"user:dr.a@ward@{ANNA.node_id}",
    ],
)
def test_a_subject_means_a_requester_by_any_of_its_names(subject: str) -> None:
    assert means(subject)


@pytest.mark.parametrize(
    "subject",
    ["node:Bert", f"node:{BERT.node_id}", "nodes:radiology", "group:lake", "user:dr.b@Anna", "user:dr.a@ward@Bert"],
)
def test_a_subject_means_nobody_else(subject: str) -> None:
    assert not means(subject)


def test_a_node_gains_nothing_by_calling_itself_by_another_nodes_id() -> None:
    impostor = replace(ANNA_ASKS, institution=str(BERT.node_id))
    assert not means(f"node:{BERT.node_id}", impostor)
    assert not means(f"user:dr.a@ward@{BERT.node_id}", impostor)


def test_a_user_of_another_node_is_another_user_whatever_its_name() -> None:
    assert not means("user:dr.a@ward@Anna", replace(ANNA_ASKS, node_id=BERT.node_id, institution="Bert"))


def test_a_request_that_names_no_user_is_never_a_users() -> None:
    assert not means("user:dr.a@Anna", replace(ANNA_ASKS, user=""))


def test_the_houses_own_users_are_meant_by_name_and_group_and_not_by_everyone() -> None:
    own = replace(ANNA_ASKS, is_own=True)
    assert [means(s, own) for s in ("node:Anna", "group:radiology", "user:dr.a@ward@Anna")] == [True] * 3
    assert [means(s, own) for s in ("everyone", "nodes:lake")] == [False] * 2


@pytest.mark.parametrize(
    "text", ["", "node:", "node", "everyone:x", "somebody", "group:", "Everyone", "user:dr.a", "user:@Anna", "user:a@"]
)
def test_another_form_of_subject_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration, match="write everyone, node:NAME"):
        parse_subject(text)


@pytest.mark.parametrize(
    "subject",
    [
        Subject(SubjectKind.EVERYONE),
        Subject(SubjectKind.NODE, "Anna: West"),
        Subject(SubjectKind.USER, "a@b@Anna"),
        Subject(SubjectKind.NODES, "x"),
    ],
)
def test_a_subject_is_read_as_it_is_written(subject: Subject) -> None:
    assert parse_subject(str(subject)) == subject


def test_a_subject_that_names_no_federation_speaks_of_the_first_alone() -> None:
    elsewhere = replace(ANNA_ASKS, federation="South Lake", is_of_first=False)
    for subject in ("everyone", f"node:{ANNA.node_id}", f"node:{ANNA_ASKS.institution}"):
        assert means(subject, replace(ANNA_ASKS, federation="North"))
        assert not means(subject, elsewhere)
        assert means(f"in:SOUTH LAKE:{subject}", elsewhere)
        assert not means(f"in:South Lake:{subject}", replace(ANNA_ASKS, federation="North"))


def test_groups_are_proved_in_the_first_federation_and_mean_nobody_elsewhere() -> None:
    elsewhere = replace(ANNA_ASKS, federation="South", is_of_first=False)
    for group in elsewhere.node_groups:
        assert not means(f"in:South:nodes:{group}", elsewhere)
        assert means(f"in:North:nodes:{group}", replace(ANNA_ASKS, federation="North"))
    for group in elsewhere.client_groups:
        assert not means(f"in:South:group:{group}", elsewhere)


@pytest.mark.parametrize(
    ("text", "federation", "name"),
    [
        ("in:North:everyone", "North", ""),
        ("in: North Lake : node: City", "North Lake", "City"),
        ("in:North:user:dr.a@City: West", "North", "dr.a@City: West"),
    ],
)
def test_the_federation_of_a_subject_is_read_and_written(text: str, federation: str, name: str) -> None:
    subject = parse_subject(text)
    assert (subject.federation, subject.name) == (federation, name)
    assert parse_subject(str(subject)) == subject


@pytest.mark.parametrize("text", ["in:North", "in::everyone", "in:North:", "in:North:nobody", "in:everyone"])
def test_another_form_of_a_subject_in_a_federation_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration, match="in:FEDERATION:"):
        parse_subject(text)
