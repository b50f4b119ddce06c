from __future__ import annotations

import pytest

from idas_p2p.store.announced import TERM_SIZE, Announced
from idas_p2p.store.database import Database

ONE, TWO = bytes(TERM_SIZE), b"\1" * TERM_SIZE


@pytest.fixture
def announced(database: Database) -> Announced:
    return Announced(database)


def test_what_was_told_lately_and_in_these_words_need_not_be_told_again(announced: Announced) -> None:
    announced.note({ONE: 3, TWO: 0}, now=100.0)
    assert announced.told({ONE: 3, TWO: 0, b"x" * 16: 0}, since=50.0, now=150.0) == {ONE, TWO}
    assert announced.told({ONE: 4, TWO: 0}, since=50.0, now=150.0) == {TWO}
    assert announced.told({ONE: 3}, since=100.0, now=150.0) == set()


def test_the_last_word_counts(announced: Announced) -> None:
    announced.note({ONE: 3}, now=100.0)
    announced.note({ONE: -1}, now=110.0)
    assert announced.told({ONE: 3}, since=0.0, now=150.0) == set()


def test_what_a_clock_running_ahead_noted_counts_as_never(announced: Announced) -> None:
    announced.note({ONE: 3}, now=100.0)
    assert announced.told({ONE: 3}, since=0.0, now=99.0) == set()


def test_what_expired_is_forgotten(announced: Announced) -> None:
    announced.note({ONE: 3}, now=100.0)
    announced.note({TWO: 3}, now=200.0)
    assert announced.forget(before=150.0) == 1
    assert announced.count() == 1
    announced.clear()
    assert announced.count() == 0
