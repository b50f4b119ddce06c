"""When a holder whose link breaks is tried again, and when it is given up."""

from __future__ import annotations

from idas_p2p.exchange.broken import LONGEST_DELAY, PATIENCE, Broken


def test_a_holder_is_given_up_after_failing_for_too_long_not_before() -> None:
    broken = Broken().again(now=10.0)
    assert not broken.is_hopeless(now=10.0 + PATIENCE)
    assert broken.again(now=20.0).is_hopeless(now=10.1 + PATIENCE)
    assert not Broken().is_hopeless(now=1e9)


def test_tries_at_one_holder_slow_down_to_a_limit() -> None:
    broken, delays = Broken(), []
    for _ in range(20):
        broken = broken.again(now=0.0)
        delays.append(broken.delay)
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY
