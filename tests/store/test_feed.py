from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from tests.store.makers import make_study

DAY = 86_400.0


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


def due(catalog: Catalog, *, now: float = 10.0) -> list[tuple[str, int | None]]:
    """UIDs with numbers of instances; None for withdrawn ones."""
    found = catalog.pending(100, now=now, interval=DAY)
    return [(one.uid, one.study.instance_count if one.study else None) for one in found]


def publish(catalog: Catalog, *, now: float = 10.0) -> None:
    catalog.published(catalog.pending(100, now=now, interval=DAY), now=now)


def test_new_and_changed_studies_are_due_once(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study("1"), make_study("2")], now=1.0)
    assert due(catalog) == [("1", 3), ("2", 3)]
    publish(catalog)
    assert due(catalog) == []
    catalog.record("pacs", [make_study("1"), make_study("2", instance_count=4)], now=2.0)
    assert due(catalog) == [("2", 4)]


def test_a_vanished_study_is_withdrawn_once(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study("1")], now=1.0)
    publish(catalog)
    catalog.forget("pacs", ["1"], now=2.0)
    assert due(catalog) == [("1", None)]
    publish(catalog)
    assert due(catalog, now=1e9) == []


def test_a_study_in_two_archives_is_published_once_and_withdrawn_with_the_last(catalog: Catalog) -> None:
    catalog.record("disk", [make_study("1", instance_count=9)], now=1.0)
    catalog.record("pacs", [make_study("1", instance_count=4)], now=1.0)
    assert due(catalog) == [("1", 9)]
    publish(catalog)
    catalog.forget("disk", ["1"], now=2.0)
    assert due(catalog) == [("1", 4)]
    catalog.forget("pacs", ["1"], now=3.0)
    assert due(catalog) == [("1", None)]


def test_publications_are_due_again_after_the_interval(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study("1")], now=1.0)
    publish(catalog, now=10.0)
    assert due(catalog, now=10.0 + DAY - 1) == []
    assert due(catalog, now=10.0 + DAY) == [("1", 3)]
    assert catalog.pending_count(now=10.0 + DAY, interval=DAY) == 1


def test_publications_are_due_again_when_the_clock_was_set_back(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study("1")], now=1.0)
    publish(catalog, now=5 * DAY)
    assert due(catalog, now=2 * DAY) == [("1", 3)]


def test_a_change_during_a_publication_stays_due(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study("1"), make_study("2")], now=1.0)
    under_way = catalog.pending(100, now=2.0)
    catalog.record("pacs", [make_study("1", instance_count=4)], now=3.0)
    catalog.published(under_way, now=4.0)
    assert due(catalog) == [("1", 4)]


def test_a_study_that_returns_during_its_withdrawal_stays_due(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study("1")], now=1.0)
    catalog.forget("pacs", ["1"], now=2.0)
    under_way = catalog.pending(100, now=3.0)
    catalog.record("pacs", [make_study("1")], now=4.0)
    catalog.published(under_way, now=5.0)
    assert due(catalog) == [("1", 3)]


def test_changed_studies_go_before_those_due_again(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study("1")], now=1.0)
    publish(catalog, now=10.0)
    catalog.record("pacs", [make_study("2")], now=20.0)
    catalog.record("pacs", [make_study("0")], now=30.0)
    assert [uid for uid, _ in due(catalog, now=10.0 + DAY)] == ["2", "0", "1"]
    assert [one.uid for one in catalog.pending(1, now=10.0 + DAY)] == ["2"]


def test_everything_can_be_made_due_again(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study("1"), make_study("2")], now=1.0)
    publish(catalog)
    catalog.publish_all_again()
    assert due(catalog) == [("1", 3), ("2", 3)]


def test_the_feed_survives_a_restart(database_url: str) -> None:
    first = Database.open(database_url)
    catalog = Catalog(first)
    catalog.record("pacs", [make_study("1"), make_study("2"), make_study("3")], now=1.0)
    catalog.published(catalog.pending(2, now=2.0), now=2.0)
    catalog.forget("pacs", ["1"], now=3.0)
    first.close()
    second = Database.open(database_url)
    assert due(Catalog(second)) == [("3", 3), ("1", None)]
    second.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["record", "forget", "publish"]),
        st.sampled_from("ab"),
        st.sampled_from("12"),
        st.integers(1, 3),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_what_was_published_ends_equal_to_what_is_held(
    catalog: Catalog, steps: list[tuple[str, str, str, int]]
) -> None:
    told: dict[str, int | None] = {}
    for archive in "ab":
        catalog.forget_archive(archive, now=0.0)
    publish(catalog)
    for step, archive, uid, count in [*steps, ("publish", "", "", 0)]:
        if step == "record":
            catalog.record(archive, [make_study(uid, instance_count=count)], now=1.0)
        elif step == "forget":
            catalog.forget(archive, [uid], now=1.0)
        else:
            told.update(dict(due(catalog)))
            publish(catalog)
    held = {uid: max((entry.study.instance_count for entry in catalog.entries(uid)), default=None) for uid in told}
    assert told == held
    assert due(catalog) == []


def test_a_study_may_be_made_due_early_so_that_not_all_are_due_at_once(catalog: Catalog) -> None:
    catalog.record("pacs", [make_study("1"), make_study("2")], now=1.0)
    started = catalog.pending(100, now=10.0, interval=DAY)
    assert [one.is_renewal for one in started] == [False, False]
    catalog.published(started, now=10.0 * DAY, early=lambda one: 3_600.0 * (one.uid == "2"))
    assert due(catalog, now=11.0 * DAY - 3_600.0) == [("2", 3)]
    assert [one.is_renewal for one in catalog.pending(100, now=11.0 * DAY, interval=DAY)] == [True, True]
