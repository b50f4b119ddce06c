"""Labels that an operator puts on studies and patients, for rules to name.

Belongs here: keeping them. Not here: which study bears which (access/labels.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import select

from idas_p2p.errors import NoSuchThing
from idas_p2p.store.database import Database, insert_missing
from idas_p2p.store.tables import labels

STUDY: Final = "study"
PATIENT: Final = "patient"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Label:
    """A label on one study or patient; never prints itself."""

    label: str  # folded
    kind: str  # STUDY or PATIENT
    name: str  # study UID; or patient id, folded
    issuer: str = ""  # of the patient id, folded

    def __repr__(self) -> str:
        return f"Label({self.label}, …)"


class Labels:
    """The labels in a database. Every change is durable when the method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Label]:
        """Every label, by its own name."""
        with self._database.read() as connection:
            rows = connection.execute(select(labels).order_by(*labels.primary_key)).mappings()
            return [Label(**row) for row in rows]

    def add(self, label: Label) -> None:
        """Put a label on something; nothing happens when it is there."""
        with self._database.write() as connection:
            insert_missing(connection, labels, asdict(label))

    def remove(self, label: Label) -> None:
        """Take a label off.

        Raises:
            NoSuchThing: it is not there.
        """
        same = [labels.c[name] == value for name, value in asdict(label).items()]
        with self._database.write() as connection:
            if connection.execute(labels.delete().where(*same)).rowcount == 0:
                raise NoSuchThing(f"label {label.label}")
