"""The node's database: opened, checked, and used through short transactions.

A write that is durable when it returns survives a power cut; one that is not survives `kill -9` of the node and costs
no wait for the disk. Errors of the driver leave here as errors of ours, without a statement's values in them.

Belongs here: opening, schema version, transactions, upsert. Not here: what is stored. Sources: SQLite WAL
(https://www.sqlite.org/wal.html); SQLAlchemy 2.0 manual, "Serializable isolation / Savepoints / Transactional DDL".
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from idas_p2p.errors import BadConfiguration, DatabaseBusy, DatabaseDamaged, DatabaseTooNew
from idas_p2p.store.exam_tables import metadata
from idas_p2p.store.failures import translated
from idas_p2p.store.files import disk_errors, make_folder
from idas_p2p.store.tables import SCHEMA_VERSION, schema_version

T = TypeVar("T")

LOCK_TIMEOUT: Final = 10.0  # seconds a writer waits for another, in this process or in the command line's; ours
PAGE: Final = 500  # rows one statement names or returns; ours
POOL_SIZE: Final = 8  # connections kept open; ours
SQLITE_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {int(LOCK_TIMEOUT * 1000)}",
    "PRAGMA journal_mode = WAL",  # readers and the writer do not wait for each other
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",  # KiB for each connection
)

_WRITES: Final = "idas_writes"
_DURABLE: Final = "idas_durable"


class Database:
    """One open database; safe to use from several threads, never across a fork.

    Args:
        engine: connected to a database whose schema is the current one.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writers = {
            durable: engine.execution_options(**{_WRITES: True, _DURABLE: durable}) for durable in (True, False)
        }
        self._turn = threading.Lock()  # SQLite has one writer at a time: wait here in order, not by polling the file
        self._takes_turns = engine.dialect.name == "sqlite"

    @classmethod
    def open(cls, url: str) -> Database:
        """Open a database, making it when it is not there yet.

        Args:
            url: as SQLAlchemy writes it: `sqlite:////folder/node.db` or `postgresql+psycopg://user@host/name`.

        Raises:
            BadConfiguration: not such a URL, or its driver is not installed.
            DatabaseDamaged: the file is damaged or not a database of ours.
            DatabaseTooNew: written by a newer version.
            DatabaseBusy, DatabaseFull, DatabaseUnreachable, StorageRefused: it cannot be used now.
        """
        engine = _engine(url)
        database = cls(engine)
        try:
            database._prepare()
        except BaseException:
            engine.dispose()
            raise
        return database

    def _prepare(self) -> None:
        """Make the tables in an empty database, and refuse one that is not ours or newer than we are."""
        with self.write() as connection:
            names = set(inspect(connection).get_table_names())
            if schema_version.name not in names:
                if self._takes_turns and names:
                    raise DatabaseDamaged("the file holds the tables of another program")
                metadata.create_all(connection)
                connection.execute(schema_version.insert().values(version=SCHEMA_VERSION))
            found = connection.execute(select(schema_version.c.version)).scalar()
            if found is not None and found < SCHEMA_VERSION:
                metadata.create_all(connection)  # up to version 6 every step only adds tables and indexes
                for index in (one for table in metadata.sorted_tables for one in table.indexes):
                    index.create(connection, checkfirst=True)
                connection.execute(schema_version.update().values(version=SCHEMA_VERSION))
        if found is None:
            raise DatabaseDamaged("it holds no schema version")
        if found > SCHEMA_VERSION:
            raise DatabaseTooNew(f"schema {found}, this version knows {SCHEMA_VERSION}")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees one state of the database. Keep it short."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction that may write; done when the block ends, undone when it raises. Keep it short.

        Args:
            durable: wait until the disk has it. False: it may be undone by a power cut, never by the node's death.

        Raises:
            DatabaseBusy: another writer did not end within LOCK_TIMEOUT. Also a write inside a write: a bug.
        """
        if self._takes_turns and not self._turn.acquire(timeout=LOCK_TIMEOUT):
            raise DatabaseBusy("another thread of the node is writing")
        try:
            with self._writers[durable].connect() as connection, connection.begin():
                yield connection
        finally:
            if self._takes_turns:
                self._turn.release()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    update: Mapping[str, Any] | None = None,
) -> None:
    """Insert rows, or where the primary key is taken update them.

    Args:
        connection: of `Database.write`.
        table: with a primary key.
        rows: all of the same columns.
        update: columns to set where the key is taken; every other column of the row when None.
    """
    if not rows:
        return
    statement = _insert(connection.dialect.name, table)
    key = [column.name for column in table.primary_key]
    values = update or {name: statement.excluded[name] for name in rows[0] if name not in key}
    if values:
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=dict(values)), list(rows))
    else:
        connection.execute(_insert_missing(connection.dialect.name, table), list(rows))


def insert_missing(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless its primary key is taken; return whether it was inserted."""
    statement = _insert_missing(connection.dialect.name, table)
    return connection.execute(statement, dict(row), execution_options={"preserve_rowcount": True}).rowcount == 1


@cache
def _insert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@cache
def _insert_missing(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=list(table.primary_key))


def pages(items: Iterable[T]) -> Iterator[list[T]]:
    """Split items into lists one statement can name: databases bound the number of its parameters."""
    left = iter(items)
    while page := list(islice(left, PAGE)):
        yield page


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        options: dict[str, Any] = {"pool_size": POOL_SIZE, "hide_parameters": True}
        if backend == "sqlite":
            _make_private_file(parsed)
            engine = create_engine(parsed, max_overflow=-1, **options)
            event.listen(engine, "connect", _configure_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        elif backend == "postgresql":
            engine = create_engine(parsed, max_overflow=3 * POOL_SIZE, pool_pre_ping=True, **options)
            event.listen(engine, "begin", _begin_postgresql)
        else:
            raise BadConfiguration("database: use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME")
    except (ArgumentError, NoSuchModuleError):
        raise BadConfiguration("database: not a database URL, such as sqlite:////folder/node.db") from None
    except ModuleNotFoundError as error:
        raise BadConfiguration(f"database: install the Python package {error.name} for this kind of URL") from None
    event.listen(engine, "handle_error", _translate)
    return engine


def _make_private_file(url: URL) -> None:
    """The file names patients: only its owner may read it. SQLite gives its companions the same permissions."""
    if not url.database or url.database == ":memory:":
        raise BadConfiguration("database: name a file, as in sqlite:////folder/node.db")
    path = Path(url.database)
    with disk_errors():
        make_folder(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: _begin_sqlite does
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Straight to the driver, since a begin through SQLAlchemy costs as much as a small transaction's other work."""
    options = connection.get_execution_options()
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    try:
        if not options.get(_WRITES):
            driver.execute("BEGIN")
            return
        driver.execute(f"PRAGMA synchronous = {'FULL' if options[_DURABLE] else 'NORMAL'}")
        driver.execute("BEGIN IMMEDIATE")  # a lock taken later could fail halfway
    except sqlite3.Error as error:
        raise translated(error, disconnected=False) or error from None


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get(_DURABLE) is False:
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _translate(context: ExceptionContext) -> None:
    error = translated(context.original_exception, disconnected=context.is_disconnect)
    if error is not None:
        raise error from None
