"""Which study and which patient a pseudonym means: only this node's operator can go back from one to the other.

Law: what was shown under a pseudonym is known here for as long as the database lives. Belongs here: keeping the pairs.
Not here: how a pseudonym is made (dicom/levels/keys.py). Identifying: never leaves the node.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import select

from idas_p2p.store.database import Database, insert_missing
from idas_p2p.store.tables import pseudonyms

STUDY: Final = "study"
PATIENT: Final = "patient"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Pseudonym:
    """One pair; never prints itself."""

    kind: str  # STUDY or PATIENT
    shown: str  # what others see
    original: str  # study UID; patient ID, or the name of a patient without one

    def __repr__(self) -> str:
        return f"Pseudonym({self.kind}, …)"


class PseudonymStore:
    """The pairs in a database. What was added is durable when the method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, pairs: Iterable[Pseudonym]) -> None:
        """Remember pairs; those known already stay."""
        with self._database.write() as connection:
            for pair in pairs:
                insert_missing(connection, pseudonyms, asdict(pair))

    def original(self, kind: str, shown: str) -> str | None:
        """What a pseudonym means; None when this node never gave it."""
        query = select(pseudonyms.c.original).where(pseudonyms.c.kind == kind, pseudonyms.c.shown == shown)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none()

    def reveal(self, shown: str) -> list[Pseudonym]:
        """Everything that goes by a pseudonym."""
        query = select(pseudonyms).where(pseudonyms.c.shown == shown).order_by(*pseudonyms.primary_key)
        with self._database.read() as connection:
            return [Pseudonym(**row) for row in connection.execute(query).mappings()]
