"""How much each archive holds, kept up to date: adding up a million rows for every look would take 0.1 s.

Belongs here: counting. Not here: the rows (catalog.py), the only one that changes them while a node runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from idas_p2p.store.database import Database
from idas_p2p.store.tables import studies


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How much one archive holds."""

    archive: str
    studies: int
    instances: int


class Totals:
    """Added up once, counted on from there.

    Args:
        database: holds the rows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: dict[str, Count] | None = None

    def counts(self) -> list[Count]:
        """By name of archive."""
        if self._counts is None:
            self._counts = {count.archive: count for count in self._added_up()}
        return [count for _, count in sorted(self._counts.items()) if count.studies]

    def add(self, archive: str, *, studies: int, instances: int) -> None:
        """Rows came, changed or went; called when that is committed."""
        if self._counts is not None:
            before = self._counts.get(archive) or Count(archive=archive, studies=0, instances=0)
            self._counts[archive] = Count(
                archive=archive, studies=before.studies + studies, instances=before.instances + instances
            )

    def _added_up(self) -> list[Count]:
        total = func.coalesce(func.sum(studies.c.instance_count), 0)
        query = select(studies.c.archive, func.count(), total).group_by(studies.c.archive)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Count(archive=name, studies=number, instances=int(instances)) for name, number, instances in rows]
