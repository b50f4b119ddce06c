from __future__ import annotations

import pytest

from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.hours import Hours

HOUR = 3_600


def test_hours_over_midnight_are_within_until_the_morning() -> None:
    night = Hours.parse("22:00-06:30")
    assert night.wait(23 * HOUR) == night.wait(0) == night.wait(6 * HOUR) == 0
    assert night.wait(6.5 * HOUR) == 15.5 * HOUR
    assert night.wait(21 * HOUR) == HOUR


def test_hours_of_one_day_wait_for_the_next_when_they_are_over() -> None:
    noon = Hours.parse("12:00-13:00")
    assert noon.wait(12.5 * HOUR) == 0
    assert noon.wait(13 * HOUR) == 23 * HOUR


def test_the_same_time_twice_means_always() -> None:
    assert Hours.parse("00:00-00:00").wait(5 * HOUR) == 0


@pytest.mark.parametrize("text", ["", "22-6", "24:00-06:00", "22:00-06:60", "22:00 - 06:00", "22:00-06:00 "])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration):
        Hours.parse(text)
