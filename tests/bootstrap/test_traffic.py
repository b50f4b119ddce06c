"""Budgets of a relay: who may begin a stream, how fast it may go, and when it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootstrap.relay_settings import Limits, RelaySettings
from bootstrap.traffic import BURST, DAY, Session, Traffic
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import RelayRefusal

A, B, C, D = (NodeId(bytes([number]) * 32) for number in (1, 2, 3, 4))
HERE, THERE = "192.0.2.0/24", "198.51.100.0/24"
PLENTY = Limits(total=1e12, per_node=1e12, per_block=1e12)
SETTINGS = RelaySettings(enabled=True, sessions=Limits(total=9, per_node=9, per_block=9), rate=PLENTY, amount=PLENTY)


def begun(traffic: Traffic, target: NodeId = A, dialer: NodeId = B, *, now: float = 0.0) -> Session:
    session = traffic.begin(target=target, dialer=dialer, blocks=(HERE, THERE), now=now)
    assert isinstance(session, Session)
    return session


def refused(traffic: Traffic, target: NodeId, dialer: NodeId, *, now: float = 0.0) -> RelayRefusal:
    refusal = traffic.begin(target=target, dialer=dialer, blocks=(HERE, THERE), now=now)
    assert isinstance(refusal, RelayRefusal)
    return refusal


@pytest.mark.parametrize(
    ("bound", "reason"),
    [
        (Limits(total=1, per_node=9, per_block=9), RelayRefusal.FULL),
        (Limits(total=9, per_node=1, per_block=9), RelayRefusal.TOO_MANY_FROM_NODE),
        (Limits(total=9, per_node=9, per_block=1), RelayRefusal.TOO_MANY_FROM_BLOCK),
    ],
)
def test_streams_are_bounded_in_all_by_node_and_by_block(bound: Limits, reason: RelayRefusal) -> None:
    traffic = Traffic(replace(SETTINGS, sessions=bound))
    session = begun(traffic)
    assert refused(traffic, A, C) is reason
    traffic.end(session)
    traffic.end(session)
    begun(traffic)


def test_a_stream_with_too_little_left_waits_for_the_next_turn() -> None:
    traffic = Traffic(replace(SETTINGS, rate=Limits(total=1e6, per_node=1e6, per_block=1e6)))
    session = begun(traffic)
    assert session.spend(1_000)
    assert not session.spend(int(BURST))
    traffic.turn(seconds=0.1, now=0.0)
    assert not session.is_held
    assert session.allowance == pytest.approx(1e5 - 1_000)


def test_a_debt_is_paid_before_anything_more_is_sent() -> None:
    traffic = Traffic(replace(SETTINGS, rate=Limits(total=1e6, per_node=1e6, per_block=1e6)))
    session = begun(traffic)
    session.spend(int(BURST) + 150_000)
    traffic.turn(seconds=0.1, now=0.0)
    assert session.is_held
    traffic.turn(seconds=0.1, now=0.1)
    assert not session.is_held


def test_a_quiet_stream_never_gathers_more_than_a_burst() -> None:
    traffic = Traffic(SETTINGS)
    session = begun(traffic)
    session.spend(10)
    for _ in range(5):
        traffic.turn(seconds=10.0, now=0.0)
    assert session.allowance == BURST


def sent(traffic: Traffic, session: Session, *, turns: int = 100) -> int:
    """Bytes a stream that always has something to send gets through."""
    before = session.carried
    for _ in range(turns):
        for each in traffic.sessions:
            while not each.is_held:
                each.spend(20_000)
        traffic.turn(seconds=0.05, now=0.0)
    return session.carried - before


def test_two_nodes_that_both_want_everything_get_half_each_whatever_their_streams() -> None:
    traffic = Traffic(replace(SETTINGS, rate=Limits(total=10e6, per_node=10e6, per_block=10e6)))
    alone = begun(traffic, A, C)
    many = [begun(traffic, B, D) for _ in range(4)]
    sent(traffic, alone)
    one = sent(traffic, alone)
    several = sum(session.carried for session in many) * one / alone.carried
    assert one == pytest.approx(5e6 * 5, rel=0.1)
    assert several == pytest.approx(one, rel=0.2)


def test_the_bytes_of_a_day_are_counted_and_forgotten_at_its_end() -> None:
    traffic = Traffic(replace(SETTINGS, amount=Limits(total=1e12, per_node=1_000, per_block=1e12)))
    session = begun(traffic)
    session.spend(999)
    assert traffic.turn(seconds=1.0, now=0.0) == []
    session.spend(1)
    assert traffic.turn(seconds=1.0, now=0.0) == [session]
    traffic.end(session)
    assert refused(traffic, A, C) is RelayRefusal.OVER_BUDGET
    begun(traffic, C, D)
    begun(traffic, A, C, now=DAY)


def test_other_bounds_count_from_the_next_stream_on() -> None:
    traffic = Traffic(SETTINGS)
    begun(traffic)
    traffic.configure(replace(SETTINGS, sessions=Limits(total=1, per_node=9, per_block=9)))
    assert refused(traffic, C, D) is RelayRefusal.FULL
