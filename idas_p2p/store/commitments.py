"""Requests for storage commitment that were not answered yet, kept over restarts.

Belongs here: their rows. Not here: what is safe (objects.py), telling it (node/commitments.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Row, func, select

from idas_p2p.store.database import Database, upsert
from idas_p2p.store.tables import commitments


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Owed:
    """One answer this node owes. Never prints itself.

    Args:
        aet: who asked.
        transaction_uid: the asker's name for it.
        instances: SOP Class and SOP Instance UID of each.
        asked_at, due_at: Unix seconds.
        attempts: how often telling it failed.
    """

    aet: str
    transaction_uid: str
    instances: tuple[tuple[str, str], ...]
    asked_at: float
    due_at: float
    attempts: int = 0

    def __repr__(self) -> str:
        return f"Owed({len(self.instances)} instances, {self.attempts} attempts)"


class Commitments:
    """The answers owed. Every change is durable when the method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, owed: Owed) -> None:
        """Remember one, or an earlier one as it is now."""
        row = {
            "aet": owed.aet,
            "transaction_uid": owed.transaction_uid,
            "asked": json.dumps(owed.instances).encode(),
            "asked_at": owed.asked_at,
            "due_at": owed.due_at,
            "attempts": owed.attempts,
        }
        with self._database.write() as connection:
            upsert(connection, commitments, [row])

    def get(self, aet: str, transaction_uid: str) -> Owed | None:
        """What is owed under these names; None when it was told, or never asked."""
        table = commitments
        query = select(table).where(table.c.aet == aet, table.c.transaction_uid == transaction_uid)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _owed(row)

    def due(self, *, now: float, limit: int) -> list[Owed]:
        """What is to be told now, the longest due first."""
        query = select(commitments).where(commitments.c.due_at <= now).order_by(commitments.c.due_at).limit(limit)
        with self._database.read() as connection:
            return [_owed(row) for row in connection.execute(query)]

    def count(self, aet: str) -> int:
        """How many are owed to one asker."""
        query = select(func.count()).select_from(commitments).where(commitments.c.aet == aet)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def drop(self, aet: str, transaction_uid: str) -> None:
        """Forget one, if there is one."""
        table = commitments
        with self._database.write() as connection:
            connection.execute(table.delete().where(table.c.aet == aet, table.c.transaction_uid == transaction_uid))


def _owed(row: Row[tuple[object, ...]]) -> Owed:
    known = dict(row._mapping)
    instances = tuple((str(kind), str(uid)) for kind, uid in json.loads(known.pop("asked")))
    return Owed(instances=instances, **known)
