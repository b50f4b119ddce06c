"""What this node said, and took back, about who belongs to which groups.

Belongs here: keeping that over restarts, so that it is said again before it expires and what was taken back stays so.
Not here: saying it (node/tokens.py), what it proves (access/tokens.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import select

from idas_p2p.store.database import Database, upsert
from idas_p2p.store.tables import group_tokens

NODES, VOUCHES, USER = "nodes", "vouches", "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One statement about a group."""

    kind: str  # NODES: a member is in it; VOUCHES: a member may vouch for it; USER: a user of ours is in it
    group_name: str  # folded
    member: str  # NodeId, or the name of a user
    until: float  # Unix seconds
    withdrawn: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is about."""
        return self.kind, self.group_name, self.member


class SaidStore:
    """The statements in a database. Every change is durable when the method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Said]:
        """Every statement, those that were taken back among them."""
        with self._database.read() as connection:
            rows = connection.execute(select(group_tokens).order_by(*group_tokens.primary_key)).mappings()
            return [Said(**row) for row in rows]

    def say(self, statements: Sequence[Said]) -> None:
        """Keep statements; each replaces the one about the same."""
        with self._database.write() as connection:
            for statement in statements:
                upsert(connection, group_tokens, [asdict(statement)])

    def forget(self, *, before: float) -> None:
        """Drop what ended before a Unix time, and was therefore taken back or expired everywhere."""
        with self._database.write() as connection:
            connection.execute(group_tokens.delete().where(group_tokens.c.until < before))
