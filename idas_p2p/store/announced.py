"""What the directory was told last about each term, and when: so that a restart tells it nothing twice.

Belongs here: one row for each term. Not here: which terms (node/publish.py). A power cut may lose the last rows, which
costs a second publication and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import func, select

from idas_p2p.store.database import Database, pages, upsert
from idas_p2p.store.tables import announcements

TERM_SIZE: Final = 16  # bytes of the hash that names a term


class Announced:
    """The table of announcements in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def told(self, claims: Mapping[bytes, int], *, since: float, now: float) -> set[bytes]:
        """Which of these terms were stored with just this claim after `since`.

        Args:
            claims: by hash of the term.
            since: Unix seconds.
            now: Unix seconds; a later time is of a clock that was set back, and counts as never.
        """
        found: set[bytes] = set()
        with self._database.read() as connection:
            for page in pages(claims):
                query = select(announcements.c.term, announcements.c.claim).where(
                    announcements.c.term.in_(page),
                    announcements.c.stored_at > since,
                    announcements.c.stored_at <= now,
                )
                rows = connection.execute(query)
                found.update(row.term for row in rows if claims[row.term] == row.claim)
        return found

    def note(self, claims: Mapping[bytes, int], *, now: float) -> None:
        """Remember what was stored just now."""
        rows = [{"term": term, "claim": claim, "stored_at": now} for term, claim in claims.items()]
        with self._database.write(durable=False) as connection:
            upsert(connection, announcements, rows)

    def forget(self, *, before: float) -> int:
        """Drop what was stored before a time and so has expired; returns how many."""
        with self._database.write(durable=False) as connection:
            return connection.execute(announcements.delete().where(announcements.c.stored_at < before)).rowcount

    def clear(self) -> None:
        """Forget everything, as when all places have moved."""
        with self._database.write() as connection:
            connection.execute(announcements.delete())

    def count(self) -> int:
        """How many terms the directory was told."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(announcements)).scalar_one()
