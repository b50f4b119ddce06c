"""What a WAN link is told."""

from __future__ import annotations

from tools.lab import Wan


def test_a_link_is_told_bits_nanoseconds_millionths_and_bytes() -> None:
    wan = Wan(rate=200e6, rtt=0.08, loss=0.001, backlog=0.1, seed=7)
    assert wan.arguments() == ["200000000", "40000000", "1000", "2500000", "7"]


def test_the_backlog_holds_at_least_one_round_trip_and_one_burst() -> None:
    assert Wan(rate=200e6, rtt=0.08, backlog=0.0).backlog_bytes == 2_000_000
    assert Wan().backlog_bytes == 65_536
