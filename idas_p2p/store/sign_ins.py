"""Who failed to sign in how often, and who is signed in at which workstation.

Belongs here: keeping that over restarts. Not here: how long somebody must wait (access/lockout.py), passwords.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from idas_p2p.errors import NoSuchThing
from idas_p2p.store.database import Database, insert_missing, upsert
from idas_p2p.store.tables import sessions, sign_ins

MAX_NAMES: Final = 10_000  # whose failures are kept; ours: names that nobody has cannot fill the disk

Count = tuple[int, float]
"""Failures in a row, and when the last was, in Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody signed in at a workstation for a time."""

    aet: str
    user: str
    until: float  # Unix seconds


class SignIns:
    """Failures and sessions in a database. Every change is durable when the method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def change(self, names: Iterable[str], change: Callable[[str, Count], Count | None]) -> None:
        """Change the counts of some names in one step, so that attempts at the same time count each.

        Args:
            names: whose.
            change: from a name and its count to the new count; None removes it. What it raises undoes all.
        """
        with self._database.write() as connection:
            wanted = sorted(set(names))  # in one order, so that two at once wait for each other and not both
            for name in wanted:  # a row that is not there cannot be locked
                insert_missing(connection, sign_ins, {"name": name, "failures": 0, "failed_at": 0.0})
            of_these = select(sign_ins).where(sign_ins.c.name.in_(wanted)).order_by(sign_ins.c.name)
            rows = connection.execute(of_these.with_for_update())
            known = {row.name: (row.failures, row.failed_at) for row in rows}
            for name in wanted:
                count = change(name, known.get(name, (0, 0.0)))
                if count is None:
                    connection.execute(sign_ins.delete().where(sign_ins.c.name == name))
                else:
                    upsert(connection, sign_ins, [{"name": name, "failures": count[0], "failed_at": count[1]}])
            if (kept := connection.execute(select(func.count()).select_from(sign_ins)).scalar_one()) > MAX_NAMES:
                oldest = select(sign_ins.c.name).order_by(sign_ins.c.failed_at).limit(kept - MAX_NAMES)
                connection.execute(sign_ins.delete().where(sign_ins.c.name.in_(oldest)))

    def counts(self) -> dict[str, Count]:
        """Every count by name."""
        with self._database.read() as connection:
            return {row.name: (row.failures, row.failed_at) for row in connection.execute(select(sign_ins))}

    def clear(self, user: str) -> None:
        """Forget every failure of a name, wherever it was tried."""
        mine = [name for name in self.counts() if name == user or name.startswith(f"{user}\n")]
        self.change(mine, lambda name, count: None)

    def session(self, aet: str) -> Session | None:
        """Who was signed in last at a workstation; look at `until`."""
        with self._database.read() as connection:
            row = connection.execute(select(sessions).where(sessions.c.aet == aet)).one_or_none()
        return Session(aet=row.aet, user=row.user_name, until=row.until) if row else None

    def sessions(self) -> list[Session]:
        """Every session, those that ended among them, by AE title."""
        with self._database.read() as connection:
            rows = connection.execute(select(sessions).order_by(sessions.c.aet)).all()
        return [Session(aet=row.aet, user=row.user_name, until=row.until) for row in rows]

    def open_session(self, session: Session) -> None:
        """Sign somebody in; whoever was before is not any more."""
        row = {"aet": session.aet, "user_name": session.user, "until": session.until}
        with self._database.write() as connection:
            upsert(connection, sessions, [row])

    def end_session(self, aet: str) -> None:
        """Sign out whoever is signed in at a workstation.

        Raises:
            NoSuchThing: nobody is.
        """
        with self._database.write() as connection:
            if connection.execute(sessions.delete().where(sessions.c.aet == aet)).rowcount == 0:
                raise NoSuchThing("nobody is signed in there")

    def end_sessions_of(self, user: str) -> None:
        """Sign a user out everywhere, as when the account is removed or gets another password."""
        with self._database.write() as connection:
            connection.execute(sessions.delete().where(sessions.c.user_name == user))
