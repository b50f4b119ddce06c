"""Databases for the tests: SQLite always, PostgreSQL where IDAS_TEST_POSTGRESQL names a server's empty database."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from idas_p2p.store.database import Database
from idas_p2p.store.tables import metadata

POSTGRESQL = os.environ.get("IDAS_TEST_POSTGRESQL", "")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/node.db"


@pytest.fixture
def sqlite(database_url: str) -> Iterator[Database]:
    database = Database.open(database_url)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRESQL else ["sqlite"])
def database(request: pytest.FixtureRequest, database_url: str) -> Iterator[Database]:
    if request.param == "postgresql":
        engine = create_engine(POSTGRESQL)
        metadata.drop_all(engine)
        engine.dispose()
    database = Database.open(POSTGRESQL if request.param == "postgresql" else database_url)
    yield database
    database.close()


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
