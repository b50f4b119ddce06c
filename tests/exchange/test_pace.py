"""How fast a holder is taken to be, and when it counts as silent."""

from __future__ import annotations

import pytest

from idas_p2p.exchange.pace import FIRST_WINDOW, MAX_WINDOW, MIN_SILENCE, MIN_WINDOW, Pace


def paced(rate: float, *, seconds: float = 2.0, step: float = 0.01) -> tuple[Pace, float]:
    """A holder that gives evenly."""
    pace, now = Pace(0.0), 0.0
    while now < seconds:
        now += step
        pace.heard(int(rate * step), busy=True, now=now)
    return pace, now


@pytest.mark.parametrize("rate", [1e5, 1e6, 1e7])
def test_the_rate_is_what_came_over_the_time_it_took(rate: float) -> None:
    assert paced(rate)[0].rate == pytest.approx(rate, rel=0.05)


def test_time_in_which_nothing_was_wanted_does_not_count() -> None:
    pace, now = paced(1e6)
    for idle in range(100):
        pace.heard(0, busy=False, now=now + idle)
    assert pace.rate == pytest.approx(1e6, rel=0.05)


def test_two_round_trips_are_wanted_within_bounds() -> None:
    assert Pace(0.0).window(0.1) == FIRST_WINDOW
    assert paced(1e4)[0].window(0.1) == MIN_WINDOW
    assert paced(1e9)[0].window(0.1) == MAX_WINDOW
    assert paced(2e7)[0].window(0.1) == pytest.approx(2 * 2e7 * 0.15, rel=0.05)


def test_a_holder_that_owes_nothing_is_never_silent() -> None:
    pace, now = paced(1e6)
    assert not pace.is_silent(owes=False, now=now + 1_000)
    assert not pace.is_silent(owes=True, now=now + MIN_SILENCE - 0.01)
    assert pace.is_silent(owes=True, now=now + MIN_SILENCE + 0.01)


def test_one_that_usually_pauses_has_more_time_but_not_for_ever() -> None:
    pace, now = paced(1e6, seconds=20.0, step=1.0)
    assert not pace.is_silent(owes=True, now=now + 3.9)
    assert pace.is_silent(owes=True, now=now + 4.1)
    slow, now = paced(1e6, seconds=100.0, step=10.0)
    assert slow.is_silent(owes=True, now=now + 4 * MIN_SILENCE + 0.1)
