from __future__ import annotations

from idas_p2p.directory.budgets import Budgets, writers_budgets
from idas_p2p.limits import WORK_BURST, WORK_RATE


def budgets() -> Budgets:
    return Budgets(rate=10.0, burst=50.0, limit=3)


def test_a_name_may_use_its_burst_at_once_and_then_no_more() -> None:
    kept = budgets()
    for _ in range(5):
        assert kept.allows("a", now=1.0)
        kept.spend("a", 10.0, now=1.0)
    assert not kept.allows("a", now=1.0)
    assert kept.allows("b", now=1.0)


def test_work_is_allowed_again_at_the_rate() -> None:
    kept = budgets()
    kept.spend("a", 60.0, now=1.0)
    assert not kept.allows("a", now=1.9)
    assert kept.allows("a", now=2.1)
    kept.spend("a", 1.0, now=100.0)
    assert kept.allows("a", now=100.0)


def test_only_the_latest_names_are_remembered() -> None:
    kept = budgets()
    for name in "abcd":
        kept.spend(name, 60.0, now=1.0)
    assert len(kept) == 3
    assert kept.allows("a", now=1.0)
    assert not kept.allows("d", now=1.0)


def test_who_reserves_waits_as_long_as_the_receiver_would_refuse() -> None:
    kept = budgets()
    assert kept.reserve("a", 60.0, now=1.0) == 0.0
    assert kept.reserve("a", 10.0, now=1.0) == 1.0
    assert kept.reserve("a", 10.0, now=1.0) == 2.0


def test_a_writer_that_waits_is_never_refused() -> None:
    ours, theirs, now, arrived = writers_budgets(), Budgets(), 1.0, 1.0
    for _ in range(3_000):
        arrived = now + ours.reserve("peer", 10.0, now=now)
        assert theirs.allows("us", now=arrived)
        theirs.spend("us", 10.0, now=arrived)
    assert arrived - now > (3_000 * 10.0 - WORK_BURST) / WORK_RATE
