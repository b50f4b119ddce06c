from __future__ import annotations

import pytest

from idas_p2p.directory.liveness import FIRST_BACK_OFF, INITIAL_TIMEOUT, MAX_TIMEOUT, MIN_TIMEOUT, Liveness
from tests.directory.network import peer


def test_limit_15_timeouts_follow_the_measured_round_trip() -> None:
    liveness = Liveness()
    assert liveness.timeout(peer("far")) == INITIAL_TIMEOUT
    for _ in range(50):
        liveness.heard(peer("far"), now=0.0, round_trip=0.3)
        liveness.heard(peer("near"), now=0.0, round_trip=0.001)
    assert 0.3 < liveness.timeout(peer("far")) < 0.6
    assert liveness.timeout(peer("near")) == MIN_TIMEOUT


def test_a_stranger_is_expected_to_answer_like_everybody_else() -> None:
    liveness = Liveness()
    for _ in range(50):
        liveness.heard(peer("known"), now=0.0, round_trip=0.2)
    assert 0.2 < liveness.timeout(peer("stranger")) < INITIAL_TIMEOUT


def test_no_timeout_is_longer_than_its_bound() -> None:
    liveness = Liveness()
    liveness.heard(peer("slow"), now=0.0, round_trip=60.0)
    assert liveness.timeout(peer("slow")) == MAX_TIMEOUT


def test_a_silent_peer_is_left_alone_longer_each_time_until_it_is_heard() -> None:
    liveness = Liveness()
    assert liveness.failed(peer("peer"), now=0.0) == 1
    assert liveness.is_silent(peer("peer"), now=FIRST_BACK_OFF - 0.1)
    assert not liveness.is_silent(peer("peer"), now=FIRST_BACK_OFF)
    assert liveness.failed(peer("peer"), now=10.0) == 2
    assert liveness.is_silent(peer("peer"), now=10.0 + 2 * FIRST_BACK_OFF - 0.1)
    liveness.heard(peer("peer"), now=11.0)
    assert not liveness.is_silent(peer("peer"), now=11.0)
    assert liveness.last_heard(peer("peer")) == 11.0


def test_silence_at_an_address_a_liar_named_says_nothing_about_the_peer() -> None:
    liveness = Liveness()
    liveness.failed(peer(1, port=666), now=0.0)
    assert not liveness.is_silent(peer(1, port=7000), now=0.0)


def test_a_question_is_late_before_it_is_asked_again_and_missing_after_both_had_their_time() -> None:
    liveness = Liveness()
    for turn in range(20):
        liveness.heard(peer(1), now=float(turn), round_trip=0.1 + 0.02 * (turn % 2))
    late, missing = liveness.late_at(peer(1), since=50.0), liveness.silent_at(peer(1), since=50.0)
    assert 50.11 < late < 50.2
    assert late < 50.0 + liveness.timeout(peer(1)) < missing


def test_a_peer_never_measured_is_expected_to_be_as_fast_as_everyone() -> None:
    liveness = Liveness()
    unknown = liveness.late_at(peer(2), since=0.0)
    for turn in range(20):
        liveness.heard(peer(1), now=0.0, round_trip=0.05 + 0.001 * (turn % 2))
    assert liveness.late_at(peer(2), since=0.0) < unknown
    assert liveness.late_at(peer(2), since=0.0) == liveness.late_at(peer(1), since=0.0)


def test_a_challenge_gives_a_peer_the_time_for_another_round_trip() -> None:
    liveness = Liveness()
    before = liveness.late_at(peer(1), since=10.0)
    liveness.challenged(peer(1), now=10.2)
    assert liveness.late_at(peer(1), since=10.0) == pytest.approx(before + 0.2)
    assert liveness.last_heard(peer(1)) == 0.0  # which proves nothing about who is there


def test_a_peer_is_doubtful_from_its_first_silence_until_it_is_heard() -> None:
    liveness = Liveness()
    assert not liveness.is_doubtful(peer(1))
    liveness.failed(peer(1), now=10.0)
    assert liveness.is_doubtful(peer(1))
    liveness.heard(peer(1), now=20.0)
    assert not liveness.is_doubtful(peer(1))


def test_where_questions_stay_unanswered_more_are_asked_and_never_more_than_twice_as_many() -> None:
    liveness = Liveness()
    assert [liveness.to_be_asked(for_answers=wanted) for wanted in (0, 1, 2, 3)] == [0, 1, 2, 3]
    for turn in range(60):
        liveness.note_outcome(answered=turn % 3 > 0)
    assert liveness.to_be_asked(for_answers=3) in (4, 5)
    for _ in range(200):
        liveness.note_outcome(answered=False)
    assert liveness.to_be_asked(for_answers=3) == 6
    for _ in range(200):
        liveness.note_outcome(answered=True)
    assert liveness.to_be_asked(for_answers=3) == 3
