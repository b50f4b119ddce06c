from __future__ import annotations

from idas_p2p.directory.liveness import FIRST_BACK_OFF, INITIAL_TIMEOUT, MAX_TIMEOUT, MIN_TIMEOUT, Liveness


def test_limit_15_timeouts_follow_the_measured_round_trip() -> None:
    liveness = Liveness()
    assert liveness.timeout(b"far") == INITIAL_TIMEOUT
    for _ in range(50):
        liveness.heard(b"far", now=0.0, round_trip=0.3)
        liveness.heard(b"near", now=0.0, round_trip=0.001)
    assert 0.3 < liveness.timeout(b"far") < 0.6
    assert liveness.timeout(b"near") == MIN_TIMEOUT


def test_a_stranger_is_expected_to_answer_like_everybody_else() -> None:
    liveness = Liveness()
    for _ in range(50):
        liveness.heard(b"known", now=0.0, round_trip=0.2)
    assert 0.2 < liveness.timeout(b"stranger") < INITIAL_TIMEOUT


def test_no_timeout_is_longer_than_its_bound() -> None:
    liveness = Liveness()
    liveness.heard(b"slow", now=0.0, round_trip=60.0)
    assert liveness.timeout(b"slow") == MAX_TIMEOUT


def test_a_silent_peer_is_left_alone_longer_each_time_until_it_is_heard() -> None:
    liveness = Liveness()
    assert liveness.failed(b"peer", now=0.0) == 1
    assert liveness.is_silent(b"peer", now=FIRST_BACK_OFF - 0.1)
    assert not liveness.is_silent(b"peer", now=FIRST_BACK_OFF)
    assert liveness.failed(b"peer", now=10.0) == 2
    assert liveness.is_silent(b"peer", now=10.0 + 2 * FIRST_BACK_OFF - 0.1)
    liveness.heard(b"peer", now=11.0)
    assert not liveness.is_silent(b"peer", now=11.0)
    assert liveness.last_heard(b"peer") == 11.0
