"""One holder's part."""

from __future__ import annotations

from idas_p2p.exchange.pace import MIN_SILENCE, Pace
from idas_p2p.exchange.share import Share


def test_what_is_owed_is_the_sum_of_what_was_wanted() -> None:
    assert Share(3, Pace(0.0), owes={"1": 10, "2": 5}).owed == 15


def test_a_holder_owes_its_list_and_what_was_wanted() -> None:
    late = MIN_SILENCE + 0.1
    assert not Share(3, Pace(0.0)).is_silent(is_listing=False, now=late)
    assert Share(3, Pace(0.0)).is_silent(is_listing=True, now=late)
    assert Share(3, Pace(0.0), owes={"1": 10}).is_silent(is_listing=False, now=late)
