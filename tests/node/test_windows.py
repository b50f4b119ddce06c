from __future__ import annotations

import datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.node.windows import EVERYTHING, Window, left_to_read, window_before, windows

TODAY = datetime.date(2026, 11, 24)
DAY = datetime.timedelta(days=1)
days = st.dates(datetime.date(1900, 1, 2), datetime.date(9998, 1, 1))


def parse(text: str) -> datetime.date:
    return datetime.datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007


@given(days)
def test_windows_hold_every_day_once_newest_first_and_end_with_everything(today: datetime.date) -> None:
    *dated, last = windows(today)
    assert last == EVERYTHING
    assert (dated[0].last, dated[-1].first) == ("99991231", "19000101")
    assert all(parse(newer.first) - DAY == parse(older.last) for newer, older in pairwise(dated))


def test_the_newest_window_is_asked_by_a_range_and_everything_by_no_key() -> None:
    newest = next(windows(TODAY))
    assert newest.is_newest
    assert newest.query.pattern("StudyDate") == "20261117-99991231"
    assert EVERYTHING.query.keys == ()


@given(days)
def test_halves_together_hold_the_same_days(today: datetime.date) -> None:
    for window in [w for w in windows(today) if w != EVERYTHING]:
        halves = window.halves()
        assert halves is not None
        newer, older = halves
        assert (older.first, newer.last) == (window.first, window.last)
        assert parse(newer.first) - DAY == parse(older.last)


def test_one_day_and_everything_cannot_be_divided() -> None:
    assert Window("20240131", "20240131").halves() is None
    assert EVERYTHING.halves() is None


def test_a_round_goes_on_after_its_cursor_and_always_sees_what_is_new() -> None:
    all_of_them = list(windows(TODAY))
    cursor = all_of_them[3].first
    assert left_to_read(TODAY, "") == all_of_them
    assert left_to_read(TODAY, cursor) == [all_of_them[0], *all_of_them[4:]]


def test_a_round_that_goes_on_the_next_day_skips_nothing() -> None:
    yesterday = list(windows(TODAY))
    left = left_to_read(TODAY + DAY, yesterday[3].first)
    unread = yesterday[4].last
    assert any(w.first <= unread <= w.last for w in left if w != EVERYTHING)
    assert left[-1] == EVERYTHING


def test_halves_are_cut_where_the_studies_are() -> None:
    far = Window("20270101", "99991231")
    assert far.halves(["20270102", "20270104", "20270106"]) == (
        Window("20270105", "99991231"),
        Window("20270101", "20270104"),
    )
    assert far.halves(["99991231", "no date", "20270199"]) == far.halves()


def test_the_window_before_a_day_reaches_back_as_told_or_to_the_oldest() -> None:
    assert window_before("20270110", "20261224") == Window("20261224", "20270109")
    assert window_before("20270110", "") == window_before("20270110", "20270110") == Window("19000101", "20270109")
