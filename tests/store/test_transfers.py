from __future__ import annotations

import pytest

from idas_p2p.store.database import Database
from idas_p2p.store.transfers import Counters, Direction, SignedManifest, State, TransferLog


@pytest.fixture
def log(database: Database) -> TransferLog:
    return TransferLog(database)


def test_a_transfer_is_told_from_its_begin_to_its_end(log: TransferLog) -> None:
    number = log.begin(direction=Direction.IN, study_uid="1.2", partner="b", user="anna", destination="VIEWER", now=1.0)
    log.update(number, Counters(instances=1, total=3, bytes=10), partner="b c")
    (running,) = log.recent(10)
    assert (running.state, running.partner, running.counters.instances) == (State.RUNNING, "b c", 1)
    counters = Counters(instances=2, total=3, failed=1, bytes=20, wire_bytes=12, path="direct")
    log.finish(number, State.PARTIAL, counters, now=5.0, reason="remote.digest")
    (ended,) = log.recent(10)
    assert (ended.state, ended.counters, ended.ended_at) == (State.PARTIAL, counters, 5.0)
    assert (ended.user, ended.destination, ended.reason) == ("anna", "VIEWER", "remote.digest")


def test_transfers_are_listed_newest_first(log: TransferLog) -> None:
    numbers = [log.begin(direction=Direction.OUT, study_uid="1.2", now=float(n)) for n in range(3)]
    assert [one.number for one in log.recent(2)] == [numbers[2], numbers[1]]


def test_transfers_running_when_the_node_ended_are_marked_as_interrupted(log: TransferLog) -> None:
    ended = log.begin(direction=Direction.IN, study_uid="1.2", now=1.0)
    log.finish(ended, State.DONE, Counters(), now=2.0)
    log.begin(direction=Direction.IN, study_uid="1.3", now=3.0)
    assert log.mark_interrupted(now=4.0) == 1
    assert [(one.state, one.ended_at) for one in log.recent(2)] == [(State.INTERRUPTED, 4.0), (State.DONE, 2.0)]


def test_old_transfers_are_forgotten_and_running_ones_are_not(log: TransferLog) -> None:
    old = log.begin(direction=Direction.IN, study_uid="1.2", now=1.0)
    log.finish(old, State.DONE, Counters(), now=2.0)
    running = log.begin(direction=Direction.IN, study_uid="1.3", now=1.0)
    assert log.forget(100.0) == 1
    assert [one.number for one in log.recent(5)] == [running]


def test_a_transfer_does_not_print_whose_study_it_is(log: TransferLog) -> None:
    log.begin(direction=Direction.IN, study_uid="1.2.CANARY", user="CANARY", now=1.0)
    assert "CANARY" not in repr(log.recent(1))


def test_what_holders_signed_is_kept_as_long_as_the_transfer(log: TransferLog) -> None:
    number = log.begin(direction=Direction.IN, study_uid="1.2", now=1.0)
    signed = [SignedManifest(bytes((place,)) * 32, bytes(32), bytes(64)) for place in (2, 1)]
    log.keep_manifests(number, signed)
    log.keep_manifests(number + 1, [])
    assert (log.manifests(number), log.manifests(number + 1)) == (signed, [])
    log.finish(number, State.DONE, Counters(), now=2.0)
    log.forget(3.0)
    assert log.manifests(number) == []
