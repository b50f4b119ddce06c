from __future__ import annotations

from idas_p2p.store import exam_tables, tables


def test_the_tables_are_of_the_one_database() -> None:
    assert exam_tables.metadata is tables.metadata
    assert {"offers", "foreign_studies", "arrivals"} <= set(tables.metadata.tables)
