"""The roster merges like a set of facts, and of a removal and an addition at once the removal wins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.access.roster import End, Roster, Seat
from idas_p2p.wire.federation import MAX_MEMBERS, MAX_REMOVED
from idas_p2p.wire.ids import NodeId
from tests.access.region import ANNA, BERT, CARL, EVE

A, B, C, E = (key.node_id for key in (ANNA, BERT, CARL, EVE))
NODES = st.sampled_from([A, B, C, E])
ADMINS = (A,)
BEGUN = Roster().admitted(A, "Anna", epoch=1).admitted(B, "Bert", epoch=2)

rosters = st.builds(
    Roster,
    st.dictionaries(
        NODES, st.builds(Seat, st.integers(1, 3), st.integers(1, 9), st.sampled_from(["X", "x", "Y", "Z"]))
    ),
    st.dictionaries(NODES, st.builds(End, st.integers(1, 3), st.integers(1, 9))),
)


@given(rosters, rosters, rosters)
def test_joining_rosters_is_commutative_associative_and_idempotent(one: Roster, two: Roster, three: Roster) -> None:
    assert one.joined(two) == two.joined(one)
    assert one.joined(two).joined(three) == one.joined(two.joined(three))
    assert one.joined(one) == one


@given(rosters, rosters)
def test_whom_either_side_removed_is_no_member_unless_admitted_after_that(one: Roster, two: Roster) -> None:
    members = one.joined(two).members(ADMINS)
    for node, end in (*one.ends.items(), *two.ends.items()):
        assert node not in members or node in ADMINS or members[node].life > end.life


def names(roster: Roster, admins: tuple[NodeId, ...] = ADMINS) -> set[str]:
    return {seat.institution for seat in roster.members(admins).values()}


def test_a_removal_wins_over_a_rename_at_the_same_time() -> None:
    removed, renamed = BEGUN.without(B, until=99), BEGUN.admitted(B, "Bert Clinic", epoch=3)
    assert names(removed.joined(renamed)) == {"Anna"}


def test_a_removal_wins_over_an_admission_that_did_not_know_of_it() -> None:
    removed = BEGUN.without(B, until=99)
    assert names(removed.joined(BEGUN.admitted(B, "Bert", epoch=9))) == {"Anna"}


def test_whoever_was_removed_and_admitted_again_is_a_member() -> None:
    again = BEGUN.without(B, until=99).admitted(B, "Bert", epoch=4)
    assert names(again.joined(BEGUN)) == {"Anna", "Bert"}
    assert names(again.joined(BEGUN.without(B, until=99))) == {"Anna", "Bert"}


def test_the_later_name_of_a_member_counts() -> None:
    renamed = BEGUN.admitted(B, "Bert Clinic", epoch=3)
    assert names(BEGUN.joined(renamed)) == names(renamed) == {"Anna", "Bert Clinic"}


def test_of_two_admitted_under_one_name_at_once_the_earlier_stays_and_the_other_is_removed() -> None:
    both = BEGUN.admitted(C, "Clinic", epoch=3).joined(BEGUN.admitted(E, "CLINIC", epoch=4))
    assert names(both) == {"Anna", "Bert", "Clinic"}
    settled = both.settled(ADMINS, until=50)
    assert settled.ends == {E: End(1, 50)}
    assert names(settled) == names(both)


def test_an_admin_cannot_be_taken_off_the_roster() -> None:
    assert names(BEGUN.without(A, until=99)) == {"Anna", "Bert"}
    assert names(BEGUN.admitted(C, "ANNA", epoch=1)) == {"Anna", "Bert"}
    assert names(BEGUN.without(B, until=99), admins=(A, B)) == {"Anna", "Bert"}


def test_what_nobody_can_undo_any_more_is_forgotten() -> None:
    removed = BEGUN.without(B, until=99)
    assert removed.pruned(ADMINS, now=98.0).ends == {B: End(1, 99)}
    assert removed.pruned(ADMINS, now=99.0).ends == {}
    assert set(removed.pruned(ADMINS, now=98.0).seats) == {A}


def test_members_and_removals_are_bounded_and_the_latest_are_kept() -> None:
    ids = [NodeId(number.to_bytes(32, "big")) for number in range(MAX_REMOVED + 10)]
    crowd = {node: Seat(1, number, str(number)) for number, node in enumerate(ids)}
    kept = Roster({**crowd, A: Seat(1, 9_999, "Anna")}).members(ADMINS)
    assert len(kept) == MAX_MEMBERS
    assert A in kept
    ends = Roster({}, {node: End(1, number) for number, node in enumerate(ids)}).pruned((), now=-1.0).ends
    assert list(ends) == ids[10:]
