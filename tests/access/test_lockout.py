from __future__ import annotations

from idas_p2p.access.lockout import FIRST_DELAY, FORGOTTEN_AFTER, MAX_DELAY, Failures, names_of


def after(count: int, *, now: float = 1_000.0) -> Failures:
    failures = Failures()
    for _ in range(count):
        failures = failures.more(now=now)
    return failures


def test_the_first_few_wrong_passwords_cost_nothing_and_then_the_wait_doubles_up_to_a_bound() -> None:
    waits = [after(count).wait(free=4, now=1_000.0) for count in range(8)]
    assert waits == [0, 0, 0, 0, FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY, 8 * FIRST_DELAY]
    assert after(10_000).wait(free=4, now=1_000.0) == MAX_DELAY


def test_a_wait_ends() -> None:
    failures = after(5)
    assert failures.wait(free=4, now=1_000.0 + 2 * FIRST_DELAY - 0.5) == 0.5
    assert failures.wait(free=4, now=1_000.0 + 2 * FIRST_DELAY) == 0.0


def test_failures_of_the_day_before_and_of_a_clock_set_back_do_not_count() -> None:
    late = 1_000.0 + FORGOTTEN_AFTER
    assert after(9).wait(free=4, now=late) == 0.0
    assert after(9).more(now=late) == Failures(count=1, last=late)
    assert after(9, now=1e9).wait(free=4, now=1_000.0) == 0.0


def test_a_name_is_counted_by_itself_and_with_where_it_is_tried() -> None:
    by_place, by_name = names_of("dr-lee", "192.0.2.7").items()
    assert by_place[0] != by_name[0]
    assert by_place[1] < by_name[1]
