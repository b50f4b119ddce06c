"""Searching the catalog: page by page, so that neither a slow reader nor a query for everything holds the database.

What an index finds is read first, in the order of rows; where it finds too much, or nothing narrows the search, all
rows are gone through, window by window. The first answers never wait for the last row.

Belongs here: reading rows, which way. Not here: which rows a query can match (prefilter.py), writing (catalog.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, select, true

from idas_p2p.store.database import PAGE, Database, pages
from idas_p2p.store.prefilter import conditions, fragments
from idas_p2p.store.rows import study_columns, study_of
from idas_p2p.store.tables import studies
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

FIRST: Final = PAGE  # studies an index is asked for before anything else, so that the first answers come at once; ours
MAX_SELECTED: Final = 20_000  # studies one index lookup may find before going through all is as good; ours: 20 ms
WINDOW: Final = 10_000  # rows looked at in one step; ours: 10 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A study in one archive."""

    archive: str
    study: Study


def entries(database: Database, query: StudyQuery) -> Iterator[Entry]:
    """Yield every entry the query can match and some it does not.

    Raises:
        BadQuery: the study date is not a date or range.
    """
    for page in _id_pages(database, _Wanted.of(query)):
        yield from (entry for _, entry in _read(database, _rows().where(studies.c.id.in_(page))))


def grouped(database: Database, query: StudyQuery) -> Iterator[list[Entry]]:
    """Yield every study the query can match and some it does not: once, as each archive has it, the fullest first.

    Only the studies of the first page are remembered: what takes memory does not grow with the catalog.

    Raises:
        BadQuery: the study date is not a date or range.
    """
    wanted, first = _Wanted.of(query), set[str]()
    for number, page in enumerate(_id_pages(database, wanted)):
        if _is_alone(database):
            groups = [[entry] for _, entry in _read(database, _rows().where(studies.c.id.in_(page)))]
        else:
            groups = _groups(database, page, wanted, is_first=not number)
        if not number:
            first.update(group[0].study.study_uid for group in groups)
            yield from groups
        else:
            yield from (group for group in groups if group[0].study.study_uid not in first)


def entries_of(database: Database, study_uids: Sequence[str]) -> list[Entry]:
    """Some studies in each archive that holds them, by name of archive."""
    query = _rows().where(studies.c.study_uid.in_(study_uids)).order_by(studies.c.archive)
    return [entry for _, entry in _read(database, query)]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What rows a query can match: by index, and beside that."""

    by_index: list[ColumnElement[bool]]
    beside: list[ColumnElement[bool]]

    @classmethod
    def of(cls, query: StudyQuery) -> _Wanted:
        return cls(conditions(query), fragments(query))

    @property
    def all(self) -> ColumnElement[bool]:
        return and_(true(), *self.by_index, *self.beside)


def _id_pages(database: Database, wanted: _Wanted) -> Iterator[list[int]]:
    """Yield the rows to look at, each once: by index the first that come, then the others in the order of rows."""
    first: list[int] = []
    if wanted.by_index:
        by_index = select(studies.c.id).where(wanted.all)
        if first := sorted(_ids(database, by_index.limit(FIRST))):
            yield first
        if len(first) < FIRST:
            return
        selected = _ids(database, by_index.limit(MAX_SELECTED + 1))
        if len(selected) <= MAX_SELECTED:
            known = set(first)
            yield from pages(row for row in sorted(selected) if row not in known)
            return
    known = set(first)
    for page in _windows(database, wanted):
        yield [row for row in page if row not in known]


def _windows(database: Database, wanted: _Wanted) -> Iterator[list[int]]:
    """Yield pages of rows in their order, found by going through all."""
    last = -1
    while (begin := _next_id(database, last)) is not None:
        last = begin + WINDOW - 1
        window = select(studies.c.id).where(studies.c.id.between(begin, last), wanted.all).order_by(studies.c.id)
        yield from pages(_ids(database, window.with_hint(studies, "NOT INDEXED", "sqlite")))


def _next_id(database: Database, last: int) -> int | None:
    with database.read() as connection:
        found: int | None = connection.execute(select(func.min(studies.c.id)).where(studies.c.id > last)).scalar()
    return found


def _ids(database: Database, query: Select[Any]) -> list[int]:
    with database.read() as connection:
        return list(connection.execute(query).scalars())


def _is_alone(database: Database) -> bool:
    """Whether all studies are of one archive."""
    with database.read() as connection:
        ends = [connection.execute(select(end(studies.c.archive))).scalar() for end in (func.min, func.max)]
    return ends[0] == ends[1]


def _groups(database: Database, page: list[int], wanted: _Wanted, *, is_first: bool) -> list[list[Entry]]:
    """The studies of a page's rows, each as every archive has it; of later pages those no earlier one had."""
    uids = select(studies.c.study_uid).where(studies.c.id.in_(page)).scalar_subquery()
    query = _rows().add_columns(case((wanted.all, 1), else_=0).label("can_match")).where(studies.c.study_uid.in_(uids))
    groups: dict[str, list[tuple[Any, Entry]]] = {}
    for row, entry in _read(database, query.order_by(studies.c.id)):
        groups.setdefault(entry.study.study_uid, []).append((row, entry))
    within, found = set(page), list[list[Entry]]()
    for group in groups.values():
        earliest = next((row["id"] for row, _ in group if row["can_match"]), None)
        if is_first or earliest in within:
            found.append(sorted((entry for _, entry in group), key=lambda entry: -entry.study.instance_count))
    return found


def _rows() -> Select[Any]:
    return select(studies.c.id, studies.c.archive, *study_columns(studies))


def _read(database: Database, query: Select[Any]) -> list[tuple[Any, Entry]]:
    with database.read() as connection:
        rows = connection.execute(query).mappings().all()
    return [(row, Entry(archive=row["archive"], study=study_of(row))) for row in rows]
