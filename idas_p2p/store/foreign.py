"""Exams of other institutions kept here for a while: where each came from, what it was like there, until when.

Their images lie in the embedded archive's store; the catalog has them under `FOREIGN`, so that this node's users find
them and nobody else does. Belongs here: keeping that. Not here: fetching and letting go (node/foreign.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import select

from idas_p2p.store.database import Database, upsert
from idas_p2p.store.exam_tables import foreign_studies

SENT: Final = "sent"
PRIOR: Final = "prior"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignStudy:
    """One study of another institution."""

    study_uid: str
    node: bytes  # NodeId it came from
    institution: str
    why: str  # SENT or PRIOR
    instances: int = 0  # at the source
    seen: bytes = b""  # fingerprint of the study as the source described it
    fetched_at: float = 0.0  # Unix seconds; so are the next two
    checked_at: float = 0.0
    expires: float = 0.0
    destination: str = ""  # archive it was pushed to; empty: none


class ForeignStudies:
    """Those in a database. Every change is durable when the method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, study: ForeignStudy) -> None:
        """Keep one; what was known of it is replaced."""
        with self._database.write() as connection:
            upsert(connection, foreign_studies, [asdict(study)])

    def get(self, study_uid: str) -> ForeignStudy | None:
        """One; None when it is not known."""
        with self._database.read() as connection:
            query = select(foreign_studies).where(foreign_studies.c.study_uid == study_uid)
            row = connection.execute(query).mappings().one_or_none()
        return ForeignStudy(**row) if row else None

    def all(self) -> list[ForeignStudy]:
        """All, those longest not compared with their sources first."""
        with self._database.read() as connection:
            query = select(foreign_studies).order_by(foreign_studies.c.checked_at, foreign_studies.c.study_uid)
            return [ForeignStudy(**row) for row in connection.execute(query).mappings()]

    def remove(self, study_uid: str) -> None:
        """Forget one, if it is known."""
        with self._database.write() as connection:
            connection.execute(foreign_studies.delete().where(foreign_studies.c.study_uid == study_uid))
