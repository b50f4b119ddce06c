"""What the node's archives hold: one row for each study and archive.

Belongs here: recording and forgetting studies; harvest state. Not here: how rows are searched (search.py),
what is due for publication (feed.py), exact matching (dicom/matching.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, select

from idas_p2p.limits import REPUBLISH_INTERVAL
from idas_p2p.store import feed, search
from idas_p2p.store.announced import Announced
from idas_p2p.store.arrivals import note_arrivals
from idas_p2p.store.database import Database, pages, upsert
from idas_p2p.store.feed import FOREIGN
from idas_p2p.store.prefilter import in_window, search_keys, undated
from idas_p2p.store.rows import fingerprint, row_of, storable
from idas_p2p.store.search import Entry
from idas_p2p.store.tables import harvests, studies
from idas_p2p.store.totals import Count, Totals
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

__all__ = ["Catalog", "Changes", "Entry", "HarvestState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What recording did: numbers of studies."""

    new: int = 0
    changed: int = 0
    same: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestState:
    """How far the harvest of an archive has come, and how it went."""

    cursor: str = ""  # the harvester's own note where to go on
    last_ok: float = 0.0  # Unix seconds; 0 means never
    last_error: str = ""  # a code of errors.py
    failures: int = 0  # since the last success


class Catalog:
    """The catalog in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.announced = Announced(database)
        self._totals = Totals(database)
        self.is_arrival: Callable[[Mapping[str, Any]], bool] = lambda row: False  # whether priors are wanted of it

    def record(self, archive: str, found: Sequence[Study], *, now: float, durable: bool = True) -> Changes:
        """Note that an archive holds studies; new and changed ones become due for publication.

        Args:
            archive: the name of the archive.
            found: as the archive described them; of two with one UID the later counts.
            now: Unix time in seconds.
            durable: False where the archive can be asked again.
        """
        rows = {row["study_uid"]: row for row in map(_full_row, [archive] * len(found), found)}
        new: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        instances = 0  # more than before
        with self._database.write(durable=durable) as connection:
            for uids in pages(rows):
                known = _held(connection, archive, uids)
                new += [rows[uid] for uid in uids if uid not in known]
                changed += [rows[uid] for uid in known if known[uid].fingerprint != rows[uid]["fingerprint"]]
                instances -= sum(row.instance_count for row in known.values())
            if new:
                connection.execute(studies.insert(), new)
            if changed:
                _replace(connection, changed)
            if archive != FOREIGN:
                feed.mark_changed(connection, [row["study_uid"] for row in new + changed], now=now)
                note_arrivals(connection, archive, filter(self.is_arrival, new), now=now)
        instances += sum(row["instance_count"] for row in rows.values())
        self._totals.add(archive, studies=len(new), instances=instances)
        return Changes(new=len(new), changed=len(changed), same=len(rows) - len(new) - len(changed))

    def forget(self, archive: str, uids: Iterable[str], *, now: float) -> int:
        """Note that an archive does not hold studies any more; those no archive holds become due for withdrawal.

        Returns:
            How many of them it was known to hold.
        """
        forgotten = instances = 0
        with self._database.write() as connection:
            for page in pages(set(uids)):
                held = _held(connection, archive, page)
                condition = (studies.c.archive == archive) & studies.c.study_uid.in_(held)
                connection.execute(studies.delete().where(condition))
                if archive != FOREIGN:
                    feed.mark_changed(connection, held, now=now)
                forgotten += len(held)
                instances += sum(row.instance_count for row in held.values())
        self._totals.add(archive, studies=-forgotten, instances=-instances)
        return forgotten

    def forget_archive(self, archive: str, *, now: float, limit: int | None = None) -> int:
        """Forget what an archive held, and when nothing is left how far its harvest had come.

        Args:
            archive: the name of the archive.
            now: Unix time in seconds.
            limit: the most studies to forget at once, about 45 microseconds each; call again until it returns 0.

        Returns:
            How many studies were forgotten.
        """
        with self._database.read() as connection:
            query = select(studies.c.study_uid).where(studies.c.archive == archive).limit(limit)
            uids = list(connection.execute(query).scalars())
        count = self.forget(archive, uids, now=now)
        if limit is None or count < limit:
            with self._database.write() as connection:
                connection.execute(harvests.delete().where(harvests.c.archive == archive))
        return count

    def known(self, archive: str, first_date: str, last_date: str) -> dict[str, int]:
        """Which studies an archive had, and how many instances of each.

        Args:
            archive: the name of the archive.
            first_date: YYYYMMDD, included.
            last_date: YYYYMMDD, included; both empty: studies without a readable date.
        """
        window = in_window(first_date, last_date) if first_date or last_date else undated()
        query = select(studies.c.study_uid, studies.c.instance_count).where(studies.c.archive == archive, window)
        with self._database.read() as connection:
            return {row.study_uid: row.instance_count for row in connection.execute(query)}

    def day_back(self, archive: str, before: str, count: int) -> str:
        """The day, YYYYMMDD, of the `count`th study of an archive back from a day; empty when there are not so many."""
        mine = (studies.c.archive == archive, studies.c.day < before, studies.c.day >= "0")
        query = select(studies.c.day).where(*mine).order_by(studies.c.day.desc()).offset(count - 1).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).scalar() or ""

    def search(self, query: StudyQuery, *, limit: int | None = None) -> Iterator[Entry]:
        """Yield every entry the query can match and some it does not: filter them exactly.

        Args:
            query: keys; none means everything.
            limit: the most to yield; it counts those to be filtered out too.

        Raises:
            BadQuery: the study date is not a date or range.
        """
        return islice(search.entries(self._database, query), limit)

    def studies(self, query: StudyQuery) -> Iterator[list[Entry]]:
        """Yield every study the query can match and some it does not: once, as each archive has it, the fullest first.

        Raises:
            BadQuery: the study date is not a date or range.
        """
        return search.grouped(self._database, query)

    def entries(self, study_uid: str) -> list[Entry]:
        """The study in each archive that holds it, by name of archive."""
        return search.entries_of(self._database, [storable(study_uid)])

    def counts(self) -> list[Count]:
        """How much each archive holds, by name of archive."""
        return self._totals.counts()

    def due(self, limit: int, *, now: float, interval: float = REPUBLISH_INTERVAL) -> list[feed.Due]:
        """The studies due for publication or withdrawal, changed ones first; see `look_up` and `published`.

        Args:
            limit: the most to return.
            now: Unix time in seconds.
            interval: seconds after which a publication is due again.
        """
        with self._database.read() as connection:
            return feed.take_due(connection, limit, now=now, interval=interval)

    def look_up(self, due: Sequence[feed.Due]) -> list[feed.Publication]:
        """What to publish of some studies that are due: about 15 microseconds each."""
        with self._database.read() as connection:
            return feed.look_up(connection, due)

    def pending(self, limit: int, *, now: float, interval: float = REPUBLISH_INTERVAL) -> list[feed.Publication]:
        """Both at once, for few."""
        return self.look_up(self.due(limit, now=now, interval=interval))

    def pending_count(self, *, now: float, interval: float = REPUBLISH_INTERVAL) -> int:
        """How many studies are due for publication or withdrawal; `feed.MAX_COUNTED` also means more."""
        with self._database.read() as connection:
            return feed.count_due(connection, now=now, interval=interval)

    def published(
        self,
        done: Sequence[feed.Publication],
        *,
        now: float,
        early: Callable[[feed.Publication], float] = lambda one: 0.0,
    ) -> None:
        """Note that these were published or withdrawn; one that changed since `pending` stays due.

        Args:
            done: of `pending`.
            now: Unix time in seconds.
            early: seconds by which each shall be due before its interval is over, so that not all are due at once.
        """
        with self._database.write() as connection:
            feed.mark_published(connection, done, now=now, early=early)

    def publish_all_again(self) -> None:
        """Make every study due for publication, as when the federation's secrets change."""
        with self._database.write() as connection:
            feed.mark_all_changed(connection)

    def harvest_state(self, archive: str) -> HarvestState:
        """How far the harvest of an archive has come; the start when it is not known."""
        columns = [harvests.c[name] for name in HarvestState.__dataclass_fields__]
        with self._database.read() as connection:
            row = connection.execute(select(*columns).where(harvests.c.archive == archive)).one_or_none()
        return HarvestState(**row._mapping) if row else HarvestState()

    def set_harvest_state(self, archive: str, state: HarvestState) -> None:
        """Note how far the harvest of an archive has come; a power cut may undo it, and some is harvested again."""
        with self._database.write(durable=False) as connection:
            upsert(connection, harvests, [{"archive": archive, **asdict(state)}])


def _full_row(archive: str, study: Study) -> dict[str, Any]:
    row = row_of(study)
    return {"archive": archive, **row, "fingerprint": fingerprint(row), **search_keys(study)}


def _held(connection: Connection, archive: str, uids: Sequence[str]) -> dict[str, Any]:
    """Rows with fingerprint and number of instances of those of some studies that an archive is known to hold."""
    condition = (studies.c.archive == archive) & studies.c.study_uid.in_(uids)
    rows = connection.execute(
        select(studies.c.study_uid, studies.c.fingerprint, studies.c.instance_count).where(condition)
    )
    return {row.study_uid: row for row in rows}


def _replace(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    same = (studies.c.archive == bindparam("_archive")) & (studies.c.study_uid == bindparam("_uid"))
    named = [{**row, "_archive": row["archive"], "_uid": row["study_uid"]} for row in rows]
    connection.execute(studies.update().where(same), named)
