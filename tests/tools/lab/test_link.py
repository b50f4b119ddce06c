"""The pure half of the WAN link: when a packet arrives, and which are dropped."""

from __future__ import annotations

import random

from tools.lab.link import Direction


def direction(*, rate: float = 8_000.0, delay: float = 0.5, loss: float = 0.0, backlog: int = 1_000) -> Direction:
    return Direction(rate, delay, loss, backlog, random.Random(1))


def test_a_packet_arrives_after_its_own_sending_time_and_the_delay() -> None:
    way = direction()
    assert way.take(bytes(100), now=10.0)
    assert way.due(now=10.59) is None
    assert way.due(now=10.61) == bytes(100)


def test_a_second_packet_waits_for_the_first_to_leave() -> None:
    way = direction()
    way.take(bytes(100), now=10.0)
    way.take(bytes(200), now=10.0)
    assert way.due(now=10.7) == bytes(100)
    assert way.due(now=10.79) is None
    assert way.due(now=10.81) == bytes(200)


def test_a_packet_that_finds_the_backlog_full_is_dropped() -> None:
    way = direction(backlog=250)
    assert [way.take(bytes(100), now=0.0) for _ in range(4)] == [True, True, False, False]


def test_the_given_share_of_packets_is_lost() -> None:
    way = direction(rate=0.0, loss=0.25)
    kept = sum(way.take(b"x", now=0.0) for _ in range(4_000))
    assert 2_850 < kept < 3_150


def test_without_packets_the_link_sleeps_a_second() -> None:
    assert direction().wait(now=3.0) == 1.0
