from __future__ import annotations

import sqlite3

import pytest

from idas_p2p.errors import DatabaseBusy, DatabaseDamaged, DatabaseFull, DatabaseUnreachable, IdasError, StorageRefused
from idas_p2p.store.failures import translated


def sqlite_error(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("CANARY")
    error.sqlite_errorname = name
    return error


class ServerError(Exception):
    """As drivers of PostgreSQL raise them."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("CANARY")
        self.sqlstate = sqlstate


class OperationalError(ServerError):
    """The name PEP 249 gives to errors that are not the programmer's."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sqlite_error("SQLITE_BUSY_SNAPSHOT"), DatabaseBusy),
        (sqlite_error("SQLITE_CORRUPT_INDEX"), DatabaseDamaged),
        (sqlite_error("SQLITE_FULL"), DatabaseFull),
        (sqlite_error("SQLITE_IOERR_SHMSIZE"), DatabaseFull),
        (sqlite_error("SQLITE_IOERR_WRITE"), StorageRefused),
        (sqlite_error("SQLITE_READONLY_DBMOVED"), StorageRefused),
        (ServerError("57P01"), DatabaseUnreachable),
        (ServerError("40P01"), DatabaseBusy),
        (ServerError("53300"), DatabaseBusy),
        (ServerError("53100"), DatabaseFull),
        (ServerError("XX001"), DatabaseDamaged),
        (ServerError("25006"), StorageRefused),
        (OperationalError(""), DatabaseUnreachable),
    ],
)
def test_each_failure_of_a_database_has_a_name(error: Exception, kind: type[IdasError]) -> None:
    found = translated(error, disconnected=False)
    assert type(found) is kind
    assert "CANARY" not in str(found)


@pytest.mark.parametrize(
    "error", [sqlite_error("SQLITE_CONSTRAINT_UNIQUE"), ServerError("42601"), ServerError("23505")]
)
def test_a_wrong_statement_is_our_bug_and_keeps_its_own_name(error: Exception) -> None:
    assert translated(error, disconnected=False) is None


def test_a_lost_connection_is_an_unreachable_server() -> None:
    assert type(translated(ServerError(""), disconnected=True)) is DatabaseUnreachable
