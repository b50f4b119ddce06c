from __future__ import annotations

import pytest
from kademlia.node import Node

from idas_p2p.directory.shortlist import MAX_CANDIDATES, Shortlist, State
from tests.directory.network import peer

TARGET = Node(bytes(20))
BY_DISTANCE = sorted((peer(number) for number in range(300)), key=TARGET.distance_to)


def shortlist(count: int, k: int = 3) -> Shortlist:
    candidates = Shortlist(TARGET, k)
    candidates.push(reversed(BY_DISTANCE[:count]))
    return candidates


def test_the_nearest_are_asked_first_and_only_k_of_them() -> None:
    candidates, asked = shortlist(10), []
    while one := candidates.to_ask():
        asked.append(one)
        candidates.mark(one, State.ASKED)
    assert asked == BY_DISTANCE[:3]


@pytest.mark.parametrize("gone", [State.LATE, State.SILENT, State.FAILED])
def test_a_late_or_failed_candidate_gives_its_place_to_the_next(gone: State) -> None:
    candidates = shortlist(10)
    for one, state in zip(BY_DISTANCE[:3], (gone, gone, State.ASKED), strict=True):
        candidates.mark(one, state)
    assert candidates.to_ask() == BY_DISTANCE[3]


def test_a_lookup_is_settled_when_the_k_nearest_that_can_have_answered() -> None:
    candidates = shortlist(10)
    candidates.mark(BY_DISTANCE[0], State.LATE)  # others are asked meanwhile, and it is waited for
    for one in BY_DISTANCE[1:4]:
        candidates.mark(one, State.ANSWERED)
    assert not candidates.is_settled()
    candidates.mark(BY_DISTANCE[0], State.SILENT)
    assert candidates.is_settled()
    candidates.mark(BY_DISTANCE[0], State.ANSWERED)  # late, and still counted
    assert candidates.answered() == BY_DISTANCE[:3]


def test_a_lookup_without_any_answer_is_not_settled() -> None:
    candidates = shortlist(2)
    for one in BY_DISTANCE[:2]:
        candidates.mark(one, State.SILENT)
    assert not candidates.is_settled()


def test_an_answer_is_not_undone_by_a_timer() -> None:
    candidates = shortlist(2)
    candidates.mark(BY_DISTANCE[0], State.ANSWERED)
    candidates.mark(BY_DISTANCE[0], State.LATE)
    assert candidates.state(BY_DISTANCE[0]) is State.ANSWERED


def test_limit_32_candidates_are_bounded_and_the_nearest_stay() -> None:
    candidates = shortlist(300)
    assert len(candidates.heap) == MAX_CANDIDATES
    assert candidates.plausible() == BY_DISTANCE[:3]
    assert BY_DISTANCE[0] in candidates
    assert BY_DISTANCE[-1] not in candidates


def test_a_node_that_a_liar_named_elsewhere_is_still_asked_where_it_is() -> None:
    candidates, true = Shortlist(TARGET, 3), BY_DISTANCE[0]
    lie = type(true)(true.node_id, ("10.9.9.9", 1))
    candidates.push([lie, true])
    candidates.mark(lie, State.FAILED)
    candidates.mark(true, State.ANSWERED)
    assert candidates.answered() == [true]
    candidates.mark(lie, State.ANSWERED)
    assert len(candidates.answered()) == 1


def test_a_candidate_named_twice_is_one_candidate() -> None:
    candidates = shortlist(2)
    candidates.push(BY_DISTANCE[:2])
    assert len(candidates.heap) == 2
