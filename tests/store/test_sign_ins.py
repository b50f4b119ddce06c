from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from idas_p2p.errors import Busy, NoSuchThing
from idas_p2p.store import sign_ins
from idas_p2p.store.database import Database
from idas_p2p.store.sign_ins import Count, Session, SignIns

LEE = Session(aet="VIEWER", user="dr-lee", until=10.0)


def one_more(name: str, count: Count) -> Count:
    return count[0] + 1, 5.0


def test_counts_are_changed_in_one_step_and_cleared_by_name(database: Database) -> None:
    kept = SignIns(database)
    kept.change(["dr-lee", "dr-lee\n192.0.2.7"], one_more)
    kept.change(["dr-lee"], one_more)
    kept.change(["dr-leeds"], one_more)
    assert kept.counts() == {"dr-lee": (2, 5.0), "dr-lee\n192.0.2.7": (1, 5.0), "dr-leeds": (1, 5.0)}
    kept.clear("dr-lee")
    assert kept.counts() == {"dr-leeds": (1, 5.0)}


def test_attempts_at_the_same_time_count_each_from_the_first_on(database: Database) -> None:
    counts, together = SignIns(database), threading.Barrier(4)

    def attempt(names: list[str]) -> None:
        together.wait(20)
        for _ in range(5):
            counts.change(names, lambda name, count: (count[0] + 1, 1.0))

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(attempt, names) for names in (["a", "b"], ["b", "a"]) * 2]:
            done.result(60)
    assert counts.counts() == {"a": (20, 1.0), "b": (20, 1.0)}


def test_a_change_that_is_refused_changes_nothing(database: Database) -> None:
    kept = SignIns(database)

    def refuse_second(name: str, count: Count) -> Count:
        if name == "b":
            raise Busy
        return 7, 7.0

    with pytest.raises(Busy):
        kept.change(["a", "b"], refuse_second)
    assert kept.counts() == {}


def test_names_that_nobody_has_cannot_fill_the_disk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_ins, "MAX_NAMES", 3)
    kept = SignIns(database)
    for number in range(5):
        kept.change([f"n{number}"], lambda name, count, at=float(number): (1, at))
    assert set(kept.counts()) == {"n2", "n3", "n4"}


def test_one_is_signed_in_at_a_workstation_until_somebody_else_is(database: Database) -> None:
    kept = SignIns(database)
    assert kept.session("VIEWER") is None
    kept.open_session(LEE)
    assert kept.session("VIEWER") == LEE
    moss = Session(aet="VIEWER", user="dr-moss", until=20.0)
    kept.open_session(moss)
    assert kept.sessions() == [moss]
    kept.end_session("VIEWER")
    with pytest.raises(NoSuchThing):
        kept.end_session("VIEWER")


def test_a_user_is_signed_out_everywhere(database: Database) -> None:
    kept = SignIns(database)
    kept.open_session(LEE)
    kept.open_session(Session(aet="OTHER", user="dr-lee", until=10.0))
    kept.end_sessions_of("dr-lee")
    assert kept.sessions() == []
