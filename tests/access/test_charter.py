"""The charter: who may change the admins, and which of two histories stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.access.charter import Charter, name_of, proposals_of, with_votes
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.federation import ADD, MAX_ADMINS, MAX_CHANGES, REMOVE, Change, Vote
from tests.access.region import ANNA, BERT, CARL, EVE

KEYS = {key.node_id: key for key in (ANNA, BERT, CARL, EVE)}
ALONE = Charter(b"f" * 32, ANNA.node_id)


def change(charter: Charter, act: int, subject: SigningKey, *voters: SigningKey) -> Change:
    return with_votes([charter.vote(voter, act, subject.node_id) for voter in voters])


def after(charter: Charter, act: int, subject: SigningKey, *voters: SigningKey) -> Charter:
    return replace(charter, changes=(*charter.changes, change(charter, act, subject, *voters)))


TWO = after(ALONE, ADD, BERT, ANNA)
THREE = after(TWO, ADD, CARL, ANNA, BERT)
FOUR = after(THREE, ADD, EVE, ANNA, BERT)


def test_the_founder_alone_makes_the_second_admin_and_then_it_takes_both() -> None:
    assert (TWO.admins, THREE.admins) == (
        (ANNA.node_id, BERT.node_id),
        (ANNA.node_id, BERT.node_id, CARL.node_id),
    )
    assert TWO.is_valid()
    assert THREE.is_valid()
    assert not after(TWO, ADD, CARL, ANNA).is_valid()


@pytest.mark.parametrize(
    ("charter", "voters", "is_enough"),
    [
        (TWO, [BERT], True),
        (THREE, [BERT], False),
        (THREE, [BERT, CARL], True),
        (FOUR, [BERT], False),
        (FOUR, [BERT, CARL], True),
        (FOUR, [EVE, CARL], True),
    ],
)
def test_an_admins_lost_key_is_replaced_by_more_than_half_of_the_others(
    charter: Charter, voters: Sequence[SigningKey], is_enough: bool
) -> None:
    without_anna = after(charter, REMOVE, ANNA, *voters)
    assert without_anna.is_valid() is is_enough
    assert (ANNA.node_id in without_anna.admins) is False


def test_an_admin_gives_up_its_office_alone_but_the_last_one_cannot() -> None:
    assert after(THREE, REMOVE, CARL, CARL).is_valid()
    with pytest.raises(BadConfiguration, match="only administrator"):
        ALONE.vote(ANNA, REMOVE, ANNA.node_id)


def test_votes_of_who_is_no_admin_twice_or_forged_do_not_count() -> None:
    good = change(TWO, ADD, CARL, ANNA, BERT)
    assert TWO.has_passed(good)
    one, other = good.votes
    for votes in (
        (one, one),
        (other, one),
        (replace(one, signature=other.signature), other),
        (one, Vote(admin=EVE.node_id, signature=EVE.sign(good.voted_bytes()))),
    ):
        assert not TWO.has_passed(replace(good, votes=votes))


def test_a_vote_counts_under_its_own_charter_only() -> None:
    removal = change(THREE, REMOVE, ANNA, BERT, CARL)
    assert THREE.has_passed(removal)
    assert not FOUR.has_passed(removal)
    elsewhere = after(after(replace(ALONE, federation=b"g" * 32), ADD, BERT, ANNA), ADD, CARL, ANNA, BERT)
    assert elsewhere.is_valid()
    assert not elsewhere.has_passed(removal)
    assert not replace(THREE, federation=b"g" * 32).is_valid()


def test_what_is_not_possible_is_refused_with_the_reason() -> None:
    with pytest.raises(BadConfiguration, match="already"):
        TWO.vote(ANNA, ADD, BERT.node_id)
    with pytest.raises(BadConfiguration, match="no administrator"):
        TWO.vote(ANNA, REMOVE, EVE.node_id)
    many, admins = ALONE, [ANNA]
    while len(admins) < MAX_ADMINS:
        added = SigningKey(len(admins).to_bytes(32, "little"))
        many = after(many, ADD, added, *admins)
        admins.append(added)
    with pytest.raises(BadConfiguration, match="at most 16 administrators"):
        many.vote(ANNA, ADD, EVE.node_id)


def test_the_changes_of_a_federation_are_bounded() -> None:
    charter = TWO
    while len(charter.changes) < MAX_CHANGES:
        gone = BERT.node_id in charter.admins
        charter = after(charter, REMOVE, BERT, ANNA) if gone else after(charter, ADD, BERT, ANNA)
    assert charter.is_valid()
    with pytest.raises(BadConfiguration, match="at most 64 times"):
        charter.vote(ANNA, REMOVE if BERT.node_id in charter.admins else ADD, BERT.node_id)


def test_of_two_charters_the_longer_one_stands_when_it_continues_the_other() -> None:
    assert TWO.joined(FOUR) == FOUR.joined(TWO) == FOUR


def test_a_removal_is_preferred_to_an_addition_however_much_followed_on_it() -> None:
    removes = after(THREE, REMOVE, ANNA, BERT, CARL)
    adds = after(after(THREE, ADD, EVE, ANNA, BERT), REMOVE, CARL, ANNA, EVE)
    assert removes.joined(adds) == adds.joined(removes) == removes


def test_of_two_admins_that_remove_each_other_the_one_who_was_there_first_stays() -> None:
    ones, others = after(TWO, REMOVE, BERT, ANNA), after(TWO, REMOVE, ANNA, BERT)
    assert ones.joined(others).admins == others.joined(ones).admins == (ANNA.node_id,)


def test_a_former_admin_with_its_old_key_cannot_bring_itself_back() -> None:
    without_carl = after(THREE, REMOVE, CARL, ANNA, BERT)
    for forged in (
        after(without_carl, ADD, CARL, CARL),
        after(THREE, ADD, EVE, CARL),
        after(THREE, REMOVE, ANNA, CARL),
    ):
        assert not forged.is_valid()


@st.composite
def histories(draw: st.DrawFn) -> Charter:
    """Any valid history of at most four changes, with whatever votes there were beyond those needed."""
    charter = ALONE
    for _ in range(draw(st.integers(0, 4))):
        possible = [
            (act, subject) for act in (ADD, REMOVE) for subject in KEYS if charter.obstacle(act, subject) is None
        ]
        act, subject = draw(st.sampled_from(possible))
        voters = draw(st.lists(st.sampled_from(charter.admins), min_size=1, unique=True))
        made = change(charter, act, KEYS[subject], *(KEYS[voter] for voter in voters))
        if charter.has_passed(made):
            charter = replace(charter, changes=(*charter.changes, made))
    return charter


@given(histories(), histories(), histories())
def test_joining_charters_is_commutative_associative_and_idempotent(one: Charter, two: Charter, three: Charter) -> None:
    assert one.joined(two) == two.joined(one)
    assert one.joined(two).joined(three) == one.joined(two.joined(three))
    assert one.joined(one) == one
    assert one.joined(two).is_valid()


def test_proposals_gather_their_votes_and_lapse_with_their_charter() -> None:
    votes = [THREE.vote(key, REMOVE, ANNA.node_id) for key in (BERT, CARL)]
    for order in permutations(votes):
        (gathered,) = proposals_of(THREE, order)
        assert THREE.votes_missing(gathered) == 0
    assert THREE.votes_missing(votes[0]) == 1
    assert proposals_of(FOUR, votes) == ()
    assert name_of(votes[0]) == name_of(votes[1])
