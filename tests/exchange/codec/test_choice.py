"""The choice of a coding: a slow line gets the densest, a fast one never waits for a coder, and both are measured."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from idas_p2p.exchange.codec.choice import (
    LATELY,
    LIKELY,
    RECONSIDER,
    RISE,
    STEADY,
    UNKNOWN_LINE,
    WINDOW,
    Effort,
    Lanes,
    Line,
    SeriesWays,
    choose,
)
from idas_p2p.exchange.codec.pieces import DENSE, LIGHT, Coded, Coding, Way

SIZE = 524_288  # bytes of one CT slice
RATIOS = {Effort.LIGHT: 3.9, Effort.DENSE: 4.7}
MBIT = 125_000.0  # bytes/s


def study(
    *, line: float, dense: float = 60e6, cores: int = 2, slices: int = 300, window: int = 16
) -> tuple[float, dict[Effort, int]]:
    """Seconds a study takes and how its slices were coded, where everything is as fast as it was measured."""
    ready = {Effort.LIGHT: [0.0] * cores, Effort.DENSE: [0.0] * cores}  # when each lane is free
    speeds = {Effort.LIGHT: 250e6, Effort.DENSE: dense}
    sent, sizes, counts, now = [0.0], [0.0], dict.fromkeys(Effort, 0), 0.0
    for number in range(slices):
        now = max(now, sent[max(0, number - window)])
        waiting = {effort: sum(max(0.0, at - now) for at in ready[effort]) for effort in ready}
        lanes = {
            effort: Lanes(count=cores, speed=speed, waiting=int(waiting[effort] * speed))
            for effort, speed in speeds.items()
        }
        unsent = sum(size for at, size in zip(sent, sizes, strict=True) if at > now)
        effort = choose(SIZE, line=line, unsent=int(unsent), lanes=lanes, ratios=RATIOS)
        counts[effort] += 1
        coded = now
        if effort:
            lane = ready[effort].index(min(ready[effort]))
            coded = ready[effort][lane] = max(now, ready[effort][lane]) + SIZE / speeds[effort]
        sizes.append(SIZE / RATIOS.get(effort, 1.0))
        sent.append(max(coded, sent[-1]) + sizes[-1] / line)
    return sent[-1], counts


@pytest.mark.parametrize(("line", "dense"), [(20, 30e6), (20, 84e6), (50, 60e6), (200, 60e6), (200, 84e6)])
def test_a_slow_line_gets_the_densest_coding(line: int, dense: float) -> None:
    seconds, counts = study(line=line * MBIT, dense=dense)
    assert counts[Effort.DENSE] > 240
    assert seconds < 1.06 * 300 * SIZE / RATIOS[Effort.DENSE] / (line * MBIT)


def test_a_faster_line_gets_lighter_coding_and_stays_full() -> None:
    seconds, counts = study(line=1_000 * MBIT)
    assert counts[Effort.LIGHT] > 150
    assert seconds < 1.15 * 300 * SIZE / RATIOS[Effort.LIGHT] / (1_000 * MBIT)


def test_a_line_faster_than_any_coder_gets_most_bytes_as_they_are() -> None:
    seconds, counts = study(line=2e9)
    assert counts[Effort.NONE] > 200
    assert seconds < 1.01 * 300 * SIZE / 2e9


@pytest.mark.parametrize("cores", [1, 2, 4, 8])
@pytest.mark.parametrize("line", [2, 20, 100, 200, 500, 1_000, 10_000])
def test_choosing_is_never_much_slower_than_the_best_single_coding(line: int, cores: int) -> None:
    rate = line * MBIT
    single = min(
        max(300 * SIZE / speed / cores, 300 * SIZE / ratio / rate)
        for speed, ratio in ((float("inf"), 1.0), (250e6, RATIOS[Effort.LIGHT]), (60e6, RATIOS[Effort.DENSE]))
    )
    assert study(line=rate, cores=cores)[0] < 1.1 * single + 0.05


def test_a_long_queue_before_the_coders_is_passed_by_while_the_line_has_nothing_to_send() -> None:
    lanes = {Effort.LIGHT: Lanes(2, 250e6), Effort.DENSE: Lanes(1, 40e6)}
    busy = {**lanes, Effort.DENSE: Lanes(1, 40e6, waiting=16 * SIZE)}
    assert choose(SIZE, line=1e6, unsent=0, lanes=lanes, ratios=RATIOS) is Effort.DENSE
    assert choose(SIZE, line=1e6, unsent=0, lanes=busy, ratios=RATIOS) is Effort.LIGHT
    assert choose(SIZE, line=1e6, unsent=2 * SIZE, lanes=busy, ratios=RATIOS) is Effort.DENSE


def test_without_lanes_nothing_is_chosen_that_needs_them() -> None:
    none = Lanes(count=0, speed=1e6)
    lanes = {Effort.LIGHT: none, Effort.DENSE: none}
    assert choose(SIZE, line=1.0, unsent=0, lanes=lanes, ratios=RATIOS) is Effort.NONE


def test_workers_that_are_about_to_start_are_waited_for_only_on_a_slow_line() -> None:
    lanes = {Effort.LIGHT: Lanes(2, 250e6), Effort.DENSE: Lanes(2, 60e6, delay=0.25)}
    assert choose(SIZE, line=1e4, unsent=0, lanes=lanes, ratios=RATIOS) is Effort.DENSE
    assert choose(SIZE, line=2e7, unsent=0, lanes=lanes, ratios=RATIOS) is Effort.LIGHT


def test_a_line_not_known_to_be_slow_is_coded_for_lightly_however_much_waits_for_it() -> None:
    lanes = {Effort.LIGHT: Lanes(2, 250e6, waiting=32 * SIZE), Effort.DENSE: Lanes(1, 40e6)}
    assert choose(SIZE, line=None, unsent=100 * SIZE, lanes=lanes, ratios=RATIOS) is Effort.LIGHT


def coded(way: Way, size: int = 100) -> Coded:
    return Coded(Coding.DIFFERENCES, bytes(size), way)


def test_the_best_way_of_a_series_is_kept_and_reconsidered_now_and_then() -> None:
    series = SeriesWays()
    assert series.ways(Effort.LIGHT) == LIGHT
    series.learn(Effort.LIGHT, 300, coded(Way.UP))
    assert [series.ways(Effort.LIGHT) for _ in range(RECONSIDER - 1)] == [(Way.UP,)] * (RECONSIDER - 1)
    assert series.ways(Effort.LIGHT) == LIGHT
    assert series.ways(Effort.NONE) == ()


def test_while_the_first_try_of_all_ways_has_not_taught_the_next_pieces_try_only_likely_ones() -> None:
    series = SeriesWays()
    assert series.ways(Effort.DENSE) == (*DENSE, *LIGHT)
    assert [series.ways(Effort.DENSE) for _ in range(3)] == [LIKELY[Effort.DENSE]] * 3
    series.learn(Effort.DENSE, 300, coded(Way.ZSTD_DENSE, 50))
    series.learn(Effort.DENSE, 300, coded(Way.PLANE, 100))
    assert series.ways(Effort.DENSE) == (Way.ZSTD_DENSE,)


def test_a_dense_try_compares_with_the_best_light_way() -> None:
    series = SeriesWays()
    series.learn(Effort.LIGHT, 300, coded(Way.UP))
    assert series.ways(Effort.DENSE) == (*DENSE, Way.UP)
    series.learn(Effort.DENSE, 300, coded(Way.PLANE))
    assert series.ways(Effort.DENSE) == (Way.PLANE,)


def test_the_density_of_a_series_is_learned() -> None:
    series = SeriesWays()
    for _ in range(20):
        series.learn(Effort.DENSE, 1_000, coded(Way.PLANE))
    assert series.ratios[Effort.DENSE] == pytest.approx(10, rel=0.02)


def test_dense_coding_that_was_never_tried_is_thought_denser_than_light_has_proved_to_be() -> None:
    series = SeriesWays()
    for _ in range(20):
        series.learn(Effort.LIGHT, 600, coded(Way.UP))
    assert series.ratios[Effort.DENSE] > 1.1 * series.ratios[Effort.LIGHT] > 6


def test_a_line_that_keeps_the_sender_waiting_is_measured() -> None:
    line, now = Line(), 0.0
    for _ in range(40):
        line.sent(100_000, begun=now, now=(now := now + 0.04))
    assert line.rate == pytest.approx(2.5e6, rel=0.01)


def test_a_line_that_keeps_nobody_waiting_is_thought_faster_while_much_is_sent() -> None:
    line, now = Line(), 0.0
    for _ in range(3):
        line.sent(100_000_000, begun=now, now=now)
        line.sent(1, begun=(now := now + WINDOW), now=now)
    assert line.rate == pytest.approx(UNKNOWN_LINE * RISE**3)


def test_a_line_that_is_hardly_used_teaches_nothing() -> None:
    line = Line()
    for second in range(10):
        line.sent(1_000, begun=float(second), now=float(second))
    assert line.rate is None


@dataclass(kw_only=True)
class Look:
    """What the kernel says."""

    arriving: float
    is_full: bool = True
    held: float = 0.0
    round_trip: float = 0.08


def looks(line: Line, looks: list[Look], *, now: float = 0.0) -> float:
    """Look once a round trip; when the last was taken."""
    for look in looks:
        now += look.round_trip
        line.look(look, now=now)
    return now


def test_a_full_line_is_known_once_what_arrives_grows_no_more() -> None:
    line = Line()
    now = looks(line, [Look(arriving=10_000.0 * 2**doubling) for doubling in range(8)])
    assert line.rate is None
    looks(line, [Look(arriving=1.3e6)] * STEADY, now=now)
    assert line.rate == pytest.approx(1.3e6)


def test_a_sender_that_does_not_fill_the_line_and_an_end_that_has_no_room_do_not_make_it_slow() -> None:
    line = Line()
    now = looks(line, [Look(arriving=1e6, is_full=False)] * 20)
    looks(line, [Look(arriving=1e6, held=0.05 * number) for number in range(20)], now=now)
    assert line.rate is None


def test_a_known_line_becomes_faster_at_once_and_slower_after_a_while() -> None:
    line = Line()
    now = looks(line, [Look(arriving=1e6)] * 10)
    now = looks(line, [Look(arriving=3e6, is_full=False)], now=now)
    assert line.rate == 3e6
    now = looks(line, [Look(arriving=5e5)] * (LATELY - 1), now=now)
    assert line.rate == 3e6
    looks(line, [Look(arriving=5e5)] * (1 + STEADY), now=now)
    assert line.rate == 5e5


def test_the_line_is_looked_at_once_a_round_trip() -> None:
    line = Line()
    assert line.is_due(now=0.0)
    line.look(Look(arriving=1e6, round_trip=0.2), now=0.0)
    assert not line.is_due(now=0.19)
    assert line.is_due(now=0.2)
