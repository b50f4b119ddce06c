"""New studies of this node's own archives, until their priors were looked for.

Law: a study arrives once, whatever happens to the node between its row in the catalog and the search: both are one
transaction. Belongs here: keeping them. Not here: which priors are wanted (node/priors.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, select

from idas_p2p.store.database import Database, insert_missing
from idas_p2p.store.exam_tables import arrivals

MAX_WAITING: Final = 10_000  # arrivals not yet done; ours: more are passed over, a first harvest must not ask for all
DONE: Final = 0.0  # `due_at` of an arrival whose priors were looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A study that is new in an archive."""

    study_uid: str
    archive: str
    arrived_at: float  # Unix seconds
    due_at: float  # Unix seconds; 0: done
    attempts: int = 0


def note_arrivals(connection: Connection, archive: str, rows: Iterable[Mapping[str, Any]], *, now: float) -> None:
    """Note new rows of the catalog as arrived, as far as there is room; inside a transaction."""
    new = list(rows)
    if not new:
        return
    waiting = select(func.count()).select_from(arrivals).where(arrivals.c.due_at != DONE)
    room = MAX_WAITING - connection.execute(waiting).scalar_one()
    for row in new[: max(0, room)]:
        arrival = {"study_uid": row["study_uid"], "archive": archive, "arrived_at": now, "due_at": now, "attempts": 0}
        insert_missing(connection, arrivals, arrival)


class Arrivals:
    """Those in a database. Every change is durable when the method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, *, now: float, limit: int) -> list[Arrival]:
        """Those whose priors are to be looked for now, the longest due first."""
        query = select(arrivals).where(arrivals.c.due_at != DONE, arrivals.c.due_at <= now)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(arrivals.c.due_at).limit(limit)).mappings().all()
        return [Arrival(**row) for row in rows]

    def waiting(self) -> int:
        """How many are not done."""
        query = select(func.count()).select_from(arrivals).where(arrivals.c.due_at != DONE)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def done(self, study_uid: str) -> None:
        """An arrival's priors were looked for."""
        self._update(study_uid, due_at=DONE)

    def later(self, study_uid: str, *, at: float, attempts: int) -> None:
        """Look again at a moment (Unix seconds)."""
        self._update(study_uid, due_at=at, attempts=attempts)

    def forget(self, *, before: float) -> None:
        """Forget those done that arrived before a moment (Unix seconds)."""
        old = (arrivals.c.due_at == DONE) & (arrivals.c.arrived_at < before)
        with self._database.write() as connection:
            connection.execute(arrivals.delete().where(old))

    def _update(self, study_uid: str, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(arrivals.update().where(arrivals.c.study_uid == study_uid).values(**values))
