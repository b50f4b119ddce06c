"""What a failing database means to a person: the driver's error to one of ours.

Belongs here: the two tables of names. Not here: when to try again. Sources: SQLite result codes,
https://www.sqlite.org/rescode.html; PostgreSQL error codes, appendix A of its manual.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from idas_p2p.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseFull,
    DatabaseUnreachable,
    IdasError,
    StorageRefused,
)

SQLITE_ERRORS: Final[dict[str, type[IdasError]]] = {
    "SQLITE_BUSY": DatabaseBusy,
    "SQLITE_LOCKED": DatabaseBusy,
    "SQLITE_CORRUPT": DatabaseDamaged,
    "SQLITE_NOTADB": DatabaseDamaged,
    "SQLITE_FULL": DatabaseFull,
    "SQLITE_IOERR_SHMSIZE": DatabaseFull,  # the WAL index could not grow
    "SQLITE_IOERR": StorageRefused,
    "SQLITE_CANTOPEN": StorageRefused,
    "SQLITE_READONLY": StorageRefused,
    "SQLITE_PERM": StorageRefused,
    "SQLITE_AUTH": StorageRefused,
}
"""Result code, primary or extended, to error; a longer name goes before the primary code it starts with."""

POSTGRESQL_ERRORS: Final[dict[str, type[IdasError]]] = {
    "08": DatabaseUnreachable,  # connection exception
    "28": DatabaseUnreachable,  # invalid authorization
    "3D": DatabaseUnreachable,  # no such database
    "57": DatabaseUnreachable,  # operator intervention: shutdown
    "40": DatabaseBusy,  # transaction rollback: serialization failure, deadlock
    "55": DatabaseBusy,  # lock not available
    "53300": DatabaseBusy,  # too many connections
    "53100": DatabaseFull,  # disk full
    "58": StorageRefused,  # I/O error of the server
    "25": StorageRefused,  # read-only transaction
    "42501": StorageRefused,  # insufficient privilege
    "XX001": DatabaseDamaged,
    "XX002": DatabaseDamaged,
}
"""SQLSTATE, or its class, to error."""


def translated(error: BaseException, *, disconnected: bool) -> IdasError | None:
    """Return our error for a driver's, or None when it is a bug of ours, such as a wrong statement.

    Args:
        error: as the driver raised it.
        disconnected: whether the connection to the database is lost.
    """
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "")
        kind = _longest(SQLITE_ERRORS, name)
        return kind(name) if kind else None
    state = getattr(error, "sqlstate", None) or ""
    kind = _longest(POSTGRESQL_ERRORS, state)
    if kind is None and (disconnected or type(error).__name__ in {"OperationalError", "ConnectionTimeout"}):
        kind = DatabaseUnreachable
    return kind(state) if kind else None


def _longest(table: dict[str, type[IdasError]], name: str) -> type[IdasError] | None:
    key = max((key for key in table if name.startswith(key)), key=len, default=None)
    return table[key] if key else None
