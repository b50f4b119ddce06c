"""Databases for the tests: each that takes `database` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from idas_p2p.store.database import Database
from idas_p2p.store.tables import metadata, schema_version
from tools.postgresql import PostgreSQL, programs


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/node.db"


@pytest.fixture
def sqlite(database_url: str) -> Iterator[Database]:
    database = Database.open(database_url)
    yield database
    database.close()


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    folder = programs()
    if folder is None and not os.environ.get("IDAS_REQUIRE_PEERS"):
        pytest.skip("not installed: PostgreSQL; tools/setup system installs it")
    assert folder is not None, "PostgreSQL is not installed"
    with PostgreSQL(folder) as server:
        yield server


@pytest.fixture(scope="session")
def opened(server: PostgreSQL) -> Iterator[Database]:
    database = Database.open(server.url)
    yield database
    database.close()


@pytest.fixture
def postgresql(opened: Database) -> Database:
    """Emptied for each test: making the tables anew would take a fifth of a second."""
    tables = [table.name for table in reversed(metadata.sorted_tables) if table is not schema_version]
    numbers = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
    with opened.write(durable=False) as connection:
        connection.execute(text("; ".join([*(f"DELETE FROM {name}" for name in tables), numbers])))
    return opened


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.interop)])
def database(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue(request.param)
    return database


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
