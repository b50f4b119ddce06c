from __future__ import annotations

from dataclasses import replace

from idas_p2p.store.commitments import Commitments, Owed
from idas_p2p.store.database import Database

OWED = Owed(aet="WS", transaction_uid="2.25.7", instances=(("1.2", "1.2.3"),), asked_at=10.0, due_at=13.0)


def test_what_is_owed_is_kept_until_it_is_told(database: Database) -> None:
    kept = Commitments(database)
    kept.keep(OWED)
    assert Commitments(database).get("WS", "2.25.7") == OWED
    assert kept.get("OTHER", "2.25.7") is None
    kept.drop("WS", "2.25.7")
    assert kept.get("WS", "2.25.7") is None


def test_what_is_due_comes_longest_due_first(database: Database) -> None:
    kept = Commitments(database)
    later = replace(OWED, transaction_uid="2.25.8", due_at=14.0)
    kept.keep(later)
    kept.keep(OWED)
    assert kept.due(now=12.0, limit=9) == []
    assert kept.due(now=14.0, limit=9) == [OWED, later]
    assert kept.due(now=14.0, limit=1) == [OWED]


def test_each_asker_has_a_count_of_its_own_and_asking_again_adds_none(database: Database) -> None:
    kept = Commitments(database)
    kept.keep(OWED)
    kept.keep(replace(OWED, due_at=20.0))
    kept.keep(replace(OWED, aet="OTHER"))
    assert kept.count("WS") == 1


def test_it_never_prints_what_it_names() -> None:
    assert "1.2" not in repr(OWED)
