"""What of the catalog the directory does not know yet: new, changed and withdrawn studies, and those due again.

One row for each study, however many archives hold it, kept until its withdrawal was published; so it survives
restarts. A change while a publication is under way raises the revision and makes the study due again.

Belongs here: what is due. Not here: records and terms (node/publish.py). All functions work inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select

from idas_p2p.store.database import pages, upsert
from idas_p2p.store.rows import study_columns, study_of
from idas_p2p.store.tables import publications, studies
from idas_p2p.wire.study import Study

MAX_COUNTED: Final = 10_000  # studies due; ours: counting a million would hold up the node for 0.2 s
FOREIGN: Final = "foreign"  # the archive of exams that others hold: never published
CHANGED: Final = 0.0  # `published_at` of a study whose present state was not published


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Publication:
    """A study to publish, or to withdraw when `study` is None. Never prints itself."""

    uid: str
    study: Study | None  # of the archive that has most of its instances
    revision: int
    is_renewal: bool = field(default=False, compare=False)  # nothing changed since it was published last

    @property
    def is_withdrawn(self) -> bool:
        """Whether no archive holds the study any more."""
        return self.study is None

    def __repr__(self) -> str:
        return f"Publication(…, revision {self.revision})"


@dataclass(frozen=True, slots=True, repr=False)
class Due:
    """A study to publish or withdraw, not yet looked up. Never prints itself."""

    uid: str
    revision: int
    is_renewal: bool

    def __repr__(self) -> str:
        return f"Due(…, revision {self.revision})"


def mark_changed(connection: Connection, uids: Iterable[str], *, now: float) -> None:
    """Make studies due."""
    rows = [{"study_uid": uid, "revision": 1, "published_at": CHANGED, "changed_at": now} for uid in sorted(set(uids))]
    raised = {"revision": publications.c.revision + 1, "published_at": CHANGED, "changed_at": now}
    upsert(connection, publications, rows, update=raised)


def mark_all_changed(connection: Connection) -> None:
    """Make every study due, as when the federation's secrets change."""
    connection.execute(publications.update().values(revision=publications.c.revision + 1, published_at=CHANGED))


def take_due(connection: Connection, limit: int, *, now: float, interval: float) -> list[Due]:
    """The studies due, changed ones first in that order, then those longest published.

    Args:
        connection: of a transaction.
        limit: the most to return.
        now: Unix time in seconds.
        interval: seconds after which a publication is due again.
    """
    due: list[Due] = []
    for condition in _due(now, interval):
        query = select(publications.c.study_uid, publications.c.revision, publications.c.published_at).where(condition)
        rows = connection.execute(
            query.order_by(publications.c.published_at, publications.c.changed_at).limit(limit - len(due))
        )
        due += [Due(row.study_uid, row.revision, row.published_at != CHANGED) for row in rows]
    return due


def look_up(connection: Connection, due: Sequence[Due]) -> list[Publication]:
    """What to publish of studies that are due; a study that changed since then stays due after it was published."""
    held = _best_copies(connection, [one.uid for one in due])
    return [
        Publication(uid=one.uid, study=held.get(one.uid), revision=one.revision, is_renewal=one.is_renewal)
        for one in due
    ]


def count_due(connection: Connection, *, now: float, interval: float) -> int:
    """How many studies are due, counted up to MAX_COUNTED."""
    due = select(publications.c.study_uid).where(or_(*_due(now, interval))).limit(MAX_COUNTED).subquery()
    return connection.execute(select(func.count()).select_from(due)).scalar_one()


def mark_published(
    connection: Connection, done: Sequence[Publication], *, now: float, early: Callable[[Publication], float]
) -> None:
    """Note what was published; a study that changed meanwhile stays due.

    Args:
        connection: of a transaction.
        done: what was published.
        now: Unix time in seconds.
        early: seconds by which each shall be due before its interval is over, so that not all are due at once.
    """
    same = (publications.c.study_uid == bindparam("uid")) & (publications.c.revision == bindparam("seen"))
    kept = [_named(one, at=now - early(one)) for one in done if not one.is_withdrawn]
    gone = [_named(one) for one in done if one.is_withdrawn]
    if kept:
        connection.execute(publications.update().where(same).values(published_at=bindparam("at")), kept)
    if gone:
        connection.execute(publications.delete().where(same), gone)


def _named(one: Publication, **more: float) -> dict[str, Any]:
    return {"uid": one.uid, "seen": one.revision, **more}


def _due(now: float, interval: float) -> list[ColumnElement[bool]]:
    """Changed; published too long ago; or published in the future, because the machine's clock was set back."""
    at = publications.c.published_at
    return [at == CHANGED, (at > CHANGED) & (at <= now - interval), at > now]


def _best_copies(connection: Connection, uids: Sequence[str]) -> dict[str, Study]:
    found: dict[str, Study] = {}
    for page in pages(uids):
        ours = studies.c.study_uid.in_(page) & (studies.c.archive != FOREIGN)
        query = select(*study_columns(studies)).where(ours).order_by(studies.c.instance_count)
        found.update((row["study_uid"], study_of(row)) for row in connection.execute(query).mappings())
    return found
