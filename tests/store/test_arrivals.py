from __future__ import annotations

import pytest

from idas_p2p.store import arrivals as module
from idas_p2p.store.arrivals import Arrivals
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from tests.store.makers import make_study


def uids(arrivals: Arrivals, *, now: float = 10.0) -> list[str]:
    return [one.study_uid for one in arrivals.due(now=now, limit=99)]


def test_a_new_study_arrives_once_and_only_where_it_is_wanted(database: Database) -> None:
    catalog, arrivals = Catalog(database), Arrivals(database)
    catalog.record("pacs", [make_study("1")], now=1.0)
    catalog.is_arrival = lambda row: row["study_date"] >= "20240101"
    catalog.record(
        "pacs", [make_study("1", instance_count=9), make_study("2"), make_study("3", study_date="")], now=2.0
    )
    assert uids(arrivals) == ["2"]
    arrivals.done("2")
    catalog.forget("pacs", ["2"], now=3.0)
    catalog.record("pacs", [make_study("2")], now=4.0)
    assert uids(arrivals) == []


def test_an_arrival_is_looked_at_again_when_it_is_due(database: Database) -> None:
    catalog, arrivals = Catalog(database), Arrivals(database)
    catalog.is_arrival = lambda row: True
    catalog.record("pacs", [make_study("1")], now=1.0)
    arrivals.later("1", at=50.0, attempts=3)
    assert (uids(arrivals), arrivals.waiting()) == ([], 1)
    assert arrivals.due(now=50.0, limit=1)[0].attempts == 3
    arrivals.done("1")
    assert arrivals.waiting() == 0
    arrivals.forget(before=2.0)
    catalog.forget("pacs", ["1"], now=3.0)
    catalog.record("pacs", [make_study("1")], now=60.0)
    assert uids(arrivals, now=60.0) == ["1"]


def test_a_first_harvest_does_not_ask_for_everything(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    catalog, arrivals = Catalog(database), Arrivals(database)
    catalog.is_arrival = lambda row: True
    catalog.record("pacs", [make_study(str(number)) for number in range(5)], now=1.0)
    assert len(uids(arrivals)) == 2
