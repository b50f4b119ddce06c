"""The transfers this node takes part in, for `idas transfers`: those under way and those that ended.

Belongs here: their rows. Not here: doing them (exchange/), their bytes (spool.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select

from idas_p2p.store.database import Database
from idas_p2p.store.tables import transfer_manifests, transfers

NO_NUMBER: Final = 0  # of a transfer the log does not know yet


class Direction(StrEnum):
    """Which way the images go."""

    IN = "in"
    OUT = "out"


class State(StrEnum):
    """Where a transfer stands."""

    RUNNING = "running"
    DONE = "done"  # all that was asked for
    PARTIAL = "partial"  # some instances failed
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"  # the node ended during it


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """How far a transfer has come."""

    instances: int = 0  # done
    total: int = 0  # known so far
    failed: int = 0
    bytes: int = 0  # of data sets
    wire_bytes: int = 0  # between the nodes
    path: str = ""  # the kind of network path: direct, relay, ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Transfer:
    """One transfer. Never prints itself: it names a study and who asked for it."""

    number: int
    direction: Direction
    study_uid: str
    partner: str  # who is at the other end, as people call them
    user: str
    destination: str  # AE title or folder; empty when another node delivers
    state: State
    started_at: float  # Unix seconds
    ended_at: float  # Unix seconds; 0 while running
    counters: Counters
    reason: str  # a code of errors.py, when it did not end well

    def __repr__(self) -> str:
        return f"Transfer({self.number}, {self.state})"


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """What a holder signed about what it sent on one link; docs/spec/exchange.md section 4.7."""

    holder: bytes  # NodeId
    digest: bytes  # 32 bytes
    signature: bytes  # 64 bytes


class TransferLog:
    """The log in a database. What a power cut undoes of it is marked as interrupted at the next start.

    Nothing here waits for the disk: behind the images of a study such a wait takes a tenth of a second and more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        *,
        direction: Direction,
        study_uid: str,
        partner: str = "",
        user: str = "",
        destination: str = "",
        now: float,
    ) -> int:
        """Note that a transfer begins; return its number, the higher the later."""
        row = {
            "direction": direction,
            "study_uid": study_uid,
            "partner": partner,
            "user_name": user,
            "destination": destination,
            "state": State.RUNNING,
            "started_at": now,
            "ended_at": 0.0,
            "reason": "",
            **asdict(Counters()),
        }
        with self._database.write(durable=False) as connection:
            result = connection.execute(transfers.insert().values(row))
            (number,) = result.inserted_primary_key or (NO_NUMBER,)
        return int(number)

    def update(self, number: int, counters: Counters, *, partner: str | None = None) -> None:
        """Note how far a transfer has come, and when given, who takes part now."""
        values: dict[str, Any] = asdict(counters) if partner is None else {**asdict(counters), "partner": partner}
        with self._database.write(durable=False) as connection:
            connection.execute(transfers.update().where(transfers.c.number == number).values(values))

    def finish(self, number: int, state: State, counters: Counters, *, now: float, reason: str = "") -> None:
        """Note how a transfer ended."""
        values = {**asdict(counters), "state": state, "ended_at": now, "reason": reason}
        with self._database.write(durable=False) as connection:
            connection.execute(transfers.update().where(transfers.c.number == number).values(values))

    def keep_manifests(self, number: int, manifests: Sequence[SignedManifest]) -> None:
        """Keep what holders signed, once, for as long as the transfer is kept."""
        rows = [{"number": number, "position": place, **asdict(one)} for place, one in enumerate(manifests)]
        if rows:
            with self._database.write(durable=False) as connection:
                connection.execute(transfer_manifests.insert(), rows)

    def manifests(self, number: int) -> list[SignedManifest]:
        """What holders signed about one transfer, in the order of signing."""
        table = transfer_manifests.c
        query = select(table.holder, table.digest, table.signature).where(table.number == number)
        with self._database.read() as connection:
            return [SignedManifest(*row) for row in connection.execute(query.order_by(table.position))]

    def mark_interrupted(self, *, now: float) -> int:
        """Note, at start, that the node ended during the transfers still marked as running.

        Returns:
            How many there were.
        """
        running = transfers.c.state == State.RUNNING
        values = {"state": State.INTERRUPTED, "ended_at": now, "reason": "interrupted"}
        with self._database.write() as connection:
            return connection.execute(transfers.update().where(running).values(values)).rowcount

    def recent(self, limit: int) -> list[Transfer]:
        """The last transfers, newest first."""
        query = select(transfers).order_by(transfers.c.number.desc()).limit(limit)
        with self._database.read() as connection:
            return [_transfer(row) for row in connection.execute(query).mappings()]

    def forget(self, older_than: float) -> int:
        """Drop the transfers that ended before a moment, in Unix seconds; return how many."""
        ended = (transfers.c.state != State.RUNNING) & (transfers.c.ended_at < older_than)
        with self._database.write() as connection:
            return connection.execute(transfers.delete().where(ended)).rowcount


def _transfer(row: Any) -> Transfer:
    return Transfer(
        number=row["number"],
        direction=Direction(row["direction"]),
        study_uid=row["study_uid"],
        partner=row["partner"],
        user=row["user_name"],
        destination=row["destination"],
        state=State(row["state"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        counters=Counters(**{one.name: row[one.name] for one in fields(Counters)}),
        reason=row["reason"],
    )
