from __future__ import annotations

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
