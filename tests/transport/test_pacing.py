from __future__ import annotations

import pytest

from idas_p2p.transport.pacing import (
    BRAKE,
    LEFT_ALONE,
    LOOKS_OF_OURS,
    LOOKS_TO_DRAIN,
    NEAR,
    SHORTEST_LOOK,
    STEADY,
    LineState,
    Pacer,
)

LINE: float = 1e6  # bytes a second


def state(*, queue: float, arriving: float = LINE, shortest: float = 0.04, is_full: bool = True) -> LineState:
    return LineState(round_trip=shortest + queue, shortest=shortest, arriving=arriving, is_full=is_full)


def test_without_a_queue_the_kernel_decides() -> None:
    pacer = Pacer()
    assert [pacer.look(state(queue=0.001), now=float(n)) for n in range(20)] == [None] * 20


def test_a_queue_is_drained_by_sending_less_than_arrives() -> None:
    assert Pacer().look(state(queue=0.03), now=0.0) == BRAKE * LINE


def test_one_slow_moment_does_not_count_against_what_arrived_before() -> None:
    pacer = Pacer()
    pacer.look(state(queue=0.0), now=0.0)
    assert pacer.look(state(queue=0.03, arriving=LINE / 10), now=1.0) == BRAKE * LINE


def test_the_brake_is_given_time_and_then_pressed_once_more() -> None:
    pacer = Pacer()
    rates = [pacer.look(state(queue=0.03), now=float(n)) for n in range(LOOKS_TO_DRAIN + 1)]
    assert set(rates[:-1]) == {BRAKE * LINE}
    assert rates[-1] == pytest.approx(BRAKE * BRAKE * LINE)


def test_a_queue_that_stays_is_other_peoples_and_the_line_is_left_to_the_kernel_for_a_while() -> None:
    pacer, now = Pacer(), 0.0
    for _ in range(LOOKS_OF_OURS + 1):
        assert pacer.is_due(now=now)
        rate = pacer.look(state(queue=0.03), now=now)
        now += 1.0
    assert rate is None
    assert not pacer.is_due(now=now - 1.0 + LEFT_ALONE - 0.1)
    assert pacer.is_due(now=now - 1.0 + LEFT_ALONE)


def test_a_free_line_is_tried_faster_and_faster() -> None:
    pacer = Pacer()
    rate = pacer.look(state(queue=0.03), now=0.0) or 0.0
    grown = []
    for number in range(3 * STEADY):
        faster = pacer.look(state(queue=0.0, arriving=rate), now=float(number)) or 0.0
        grown.append(faster / rate)
        rate = faster
    assert grown[0] > 1.0
    assert grown[-1] > grown[STEADY] > grown[0]


def test_a_sender_with_little_to_send_is_neither_braked_nor_let_off() -> None:
    pacer = Pacer()
    assert pacer.look(state(queue=0.03, is_full=False), now=0.0) is None
    braked = pacer.look(state(queue=0.0), now=1.0), pacer.look(state(queue=0.03), now=2.0)
    assert braked == (None, BRAKE * LINE)
    assert pacer.look(state(queue=0.0, arriving=LINE / 100), now=3.0) == BRAKE * LINE


@pytest.mark.parametrize("line", [state(queue=0.5, shortest=NEAR / 2), state(queue=0.5, arriving=0.0)])
def test_a_near_line_and_one_that_tells_nothing_are_left_alone(line: LineState) -> None:
    pacer = Pacer()
    pacer.look(state(queue=0.03), now=0.0)
    assert pacer.look(line, now=1.0) is None


def test_the_line_is_looked_at_once_in_a_round_trip() -> None:
    pacer = Pacer()
    assert pacer.is_due(now=0.0)
    pacer.look(state(queue=0.01), now=10.0)
    assert not pacer.is_due(now=10.049)
    assert pacer.is_due(now=10.05)
    pacer.look(state(queue=0.0, shortest=0.001), now=20.0)
    assert not pacer.is_due(now=20.0 + SHORTEST_LOOK / 2)


def test_a_line_with_its_own_queue_only_is_kept_full_and_short() -> None:
    """A router of LINE bytes a second: what comes faster waits in it."""
    pacer, queue, carried, now = Pacer(), 0.05 * LINE, 0.0, 0.0
    delays = []
    for _ in range(400):
        step = 0.05
        offered = (pacer.rate or 1.25 * LINE) * step
        sent = min(queue + offered, LINE * step)
        queue = min(queue + offered - sent, 0.08 * LINE)
        carried, now = carried + sent, now + step
        delays.append(queue / LINE)
        pacer.look(state(queue=queue / LINE, arriving=sent / step), now=now)
    assert carried > 0.93 * LINE * now
    assert sorted(delays[40:])[len(delays[40:]) // 2] < 0.02
