from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import select, text

from idas_p2p.errors import (
    BadConfiguration,
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseFull,
    DatabaseTooNew,
    DatabaseUnreachable,
    StorageRefused,
)
from idas_p2p.store import database as module
from idas_p2p.store.database import Database, upsert
from idas_p2p.store.tables import SCHEMA_VERSION, members, values


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_what_was_written_is_there_after_opening_again(database_url: str) -> None:
    first = Database.open(database_url)
    with first.write() as connection:
        connection.execute(values.insert().values(key="k", value=b"v"))
    first.close()
    second = Database.open(database_url)
    with second.read() as connection:
        assert connection.execute(select(values.c.value)).scalar() == b"v"
    second.close()


def write_value(database: Database, key: str, value: bytes = b"v", *, fails: bool = False) -> None:
    with database.write() as connection:
        connection.execute(values.insert().values(key=key, value=value))
        if fails:
            raise ZeroDivisionError


def test_a_write_that_raises_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        write_value(database, "k", fails=True)
    with database.read() as connection:
        assert connection.execute(select(values)).all() == []


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
def test_a_durable_write_waits_for_the_disk_and_another_does_not(sqlite: Database, durable: bool, level: int) -> None:
    with sqlite.write(durable=durable) as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == level
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_a_write_without_durability_works_on_every_database(database: Database) -> None:
    with database.write(durable=False) as connection:
        connection.execute(values.insert().values(key="k", value=b"v"))
    with database.read() as connection:
        assert connection.execute(select(values.c.key)).scalar() == "k"


def test_readers_go_on_while_someone_writes(database: Database) -> None:
    with database.write() as writing:
        writing.execute(values.insert().values(key="k", value=b"v"))
        with database.read() as reading:
            assert reading.execute(select(values)).all() == []


def test_upsert_replaces_the_row_of_the_same_key(database: Database) -> None:
    with database.write() as connection:
        upsert(connection, values, [{"key": "k", "value": b"old"}, {"key": "other", "value": b"o"}])
        upsert(connection, values, [{"key": "k", "value": b"new"}])
        found = {row.key: row.value for row in connection.execute(select(values))}
    assert found == {"k": b"new", "other": b"o"}


def test_upsert_of_a_row_that_is_all_key_is_done_once(database: Database) -> None:
    with database.write() as connection:
        for _ in range(2):
            upsert(connection, members, [{"group_name": "g", "member": "m"}])
        assert len(connection.execute(select(members)).all()) == 1


def test_only_the_owner_can_read_the_database_and_its_companions(sqlite: Database, tmp_path: Path) -> None:
    with sqlite.write() as connection:
        connection.execute(values.insert().values(key="k", value=b"v"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"node.db": 0o600, "node.db-wal": 0o600, "node.db-shm": 0o600}


def test_a_file_that_is_no_database_is_called_damaged(database_url: str) -> None:
    path_of(database_url).write_bytes(b"this is not a database" * 400)
    with pytest.raises(DatabaseDamaged):
        Database.open(database_url)


def test_a_database_with_overwritten_pages_is_called_damaged(database_url: str) -> None:
    database = Database.open(database_url)
    database.close()
    path = path_of(database_url)
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(DatabaseDamaged):
        Database.open(database_url).read().__enter__().execute(select(values))


def test_a_database_of_another_program_is_left_alone(database_url: str) -> None:
    with sqlite3.connect(path_of(database_url)) as other:
        other.execute("CREATE TABLE photos (name TEXT)")
    other.close()
    with pytest.raises(DatabaseDamaged, match="another program"):
        Database.open(database_url)


def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    database = Database.open(database_url)
    with database.write() as connection:
        connection.execute(text("UPDATE schema_version SET version = version + 1"))
    database.close()
    with pytest.raises(DatabaseTooNew, match=f"schema {SCHEMA_VERSION + 1}"):
        Database.open(database_url)


def test_a_database_locked_by_another_program_is_called_busy(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SQLITE_PRAGMAS", ("PRAGMA busy_timeout = 1", "PRAGMA journal_mode = WAL"))
    database = Database.open(database_url)
    other = sqlite3.connect(path_of(database_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseBusy):
        write_value(database, "k")
    other.close()
    database.close()


def test_a_write_inside_a_write_is_refused_not_waited_for_ever(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 0.01)
    with sqlite.write(), pytest.raises(DatabaseBusy), sqlite.write():
        pass


def test_a_full_disk_is_named_and_loses_nothing_written_before(small_disk: Path) -> None:
    database = Database.open(f"sqlite:///{small_disk}/node.db")
    write_value(database, "before")
    with pytest.raises(DatabaseFull):
        write_value(database, "big", bytes(2_000_000))
    with database.read() as connection:
        assert connection.execute(select(values.c.key)).scalars().all() == ["before"]
    database.close()


def test_a_folder_in_place_of_the_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageRefused):
        Database.open(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("url", ["", "node.db", "sqlite://", "mysql://host/name", "sqlite:///:memory:", "nothing://x"])
def test_what_is_no_database_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(BadConfiguration, match="database"):
        Database.open(url)


def test_a_missing_postgresql_server_is_unreachable() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(DatabaseUnreachable):
        Database.open("postgresql+psycopg://nobody@127.0.0.1:1/none")


def test_errors_never_carry_the_values_of_a_statement(sqlite: Database) -> None:
    row = {"key": "CANARY^NAME", "value": b"v"}
    with pytest.raises(Exception, match="UNIQUE") as caught, sqlite.write() as connection:
        connection.execute(values.insert(), [row, row])
    assert "CANARY" not in str(caught.value)


def test_a_database_of_the_version_before_gets_the_tables_it_lacks(database_url: str) -> None:
    database = Database.open(database_url)
    with database.write() as connection:
        connection.execute(text("DROP TABLE announcements"))
        connection.execute(text("UPDATE schema_version SET version = 1"))
    database.close()
    database = Database.open(database_url)
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM announcements")).scalar() == 0
        assert connection.execute(text("SELECT version FROM schema_version")).scalar() == SCHEMA_VERSION
    database.close()
