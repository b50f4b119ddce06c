from __future__ import annotations

import pytest

from idas_p2p.node.caps import Caps
from idas_p2p.node.windows import EVERYTHING, Window

WEEK = Window("20270101", "20270107")


@pytest.mark.parametrize("count", [50, 64, 100, 250, 500, 1_000, 1_024, 10_000])
def test_a_round_number_is_doubted_until_a_closer_look_clears_it(count: int) -> None:
    caps = Caps()
    assert caps.is_doubtful("pacs", WEEK, count)
    caps.learn("pacs", WEEK, count, count)
    assert not caps.is_doubtful("pacs", WEEK, count)
    assert caps.is_doubtful("pacs", EVERYTHING, count)
    assert caps.is_doubtful("other", WEEK, count)


@pytest.mark.parametrize("count", [0, 1, 20, 49, 51, 99, 513, 1_999])
def test_other_numbers_are_believed(count: int) -> None:
    assert not Caps().is_doubtful("pacs", WEEK, count)


def test_a_cap_that_was_found_holds_for_every_answer_that_reaches_it() -> None:
    caps = Caps()
    caps.learn("pacs", WEEK, 500, 730)
    assert caps.is_doubtful("pacs", EVERYTHING, 500)
    assert not caps.is_doubtful("pacs", EVERYTHING, 100)
    caps.learn("pacs", EVERYTHING, 500, 500)  # it happens to hold as many: the cap stays
    assert not caps.is_doubtful("pacs", EVERYTHING, 500)
    assert caps.is_round("pacs", 500)
    caps.forget("pacs")
    assert not caps.is_doubtful("pacs", WEEK, 499)


def test_what_is_said_of_the_newest_studies_is_never_cleared() -> None:
    caps, newest = Caps(), Window("20270101", "99991231")
    caps.learn("pacs", newest, 100, 100)
    assert caps.is_doubtful("pacs", newest, 100)
