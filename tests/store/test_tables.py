from __future__ import annotations

import pytest
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from idas_p2p.store.tables import metadata


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: str(table.name))
def test_every_table_can_be_made_in_both_databases(table: Table) -> None:
    for dialect in (postgresql.dialect(), sqlite.dialect()):  # type: ignore[no-untyped-call]
        assert str(CreateTable(table).compile(dialect=dialect))
        assert all(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)


def test_text_is_compared_by_code_point_in_postgresql() -> None:
    words = str(CreateTable(metadata.tables["studies"]).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert words.count('TEXT COLLATE "C"') == words.count("TEXT")
