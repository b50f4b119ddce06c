"""The embedded archive: instances kept in files, one each, for a node that has no other archive.

An instance is reported stored when the disk has its file, under its name, and then its row. File names are random and
identify nobody.

Belongs here: keeping and finding instances. Not here: which files may go (object_files.py), reading DICOM
(dicom/scan.py), the catalog of all archives (catalog.py). One process at a time uses a folder (node.lock).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, select

from idas_p2p.blob import FileBlob, pieces
from idas_p2p.errors import DatabaseUnreachable
from idas_p2p.events import log_event
from idas_p2p.store.database import PAGE, Database, upsert
from idas_p2p.store.database import pages as pages_of
from idas_p2p.store.files import NAME_SIZE, NewFile
from idas_p2p.store.object_files import ObjectFiles
from idas_p2p.store.rows import row_of, study_of
from idas_p2p.store.tables import stored_instances, stored_studies
from idas_p2p.wire.instance import Instance, Selection
from idas_p2p.wire.study import Study

PIECE: Final = 1_048_576  # bytes copied at a time; ours


class Stored(StrEnum):
    """What became of an instance."""

    NEW = "new"
    DUPLICATE = "duplicate"  # the same bytes were here already
    REPLACED = "replaced"  # other bytes were here under its names
    KEPT = "kept"  # other bytes were here under its names, and still are


@dataclass(frozen=True, slots=True)
class _Held:
    """What the database says of an instance's file."""

    file: str
    size: int  # bytes
    digest: bytes


class ObjectStore:
    """The instances in a folder.

    Args:
        root: the folder; made when missing, and cleaned of what was never reported stored.
        database: knows what is in it.
        random_bytes: gives that many unpredictable bytes.

    Raises:
        StorageRefused: the folder cannot be used.
    """

    def __init__(
        self, root: Path, database: Database, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._files = ObjectFiles(root)
        self._database = database
        self._random_bytes = random_bytes
        self._clean()

    def put(self, instance: Instance, study: Study, *, modality: str, now: float, keeps_first: bool = False) -> Stored:
        """Keep an instance. When it returns, no power cut can lose it.

        Args:
            instance: its bytes are copied.
            study: the study's attributes as this instance tells them; counts and modalities do not matter.
            modality: of the series, such as `CT`; may be empty.
            now: Unix time in seconds.
            keeps_first: what is here stays, whatever the bytes.

        Raises:
            SpoolFull, DatabaseFull: no space. Nothing is kept.
        """
        with self._database.read() as connection:
            held = _held(connection, instance.study_uid, instance.sop_instance_uid)
        if held is not None and self._files.is_whole(held.file, held.size):
            if held.digest == _digest(instance):
                return Stored.DUPLICATE
            if keeps_first:
                return Stored.KEPT
        name = self._random_bytes(NAME_SIZE).hex()
        self._files.mark(name)
        try:
            stored = self._put(name, instance, study, modality=modality, now=now, keeps_first=keeps_first)
        except DatabaseUnreachable:  # nobody knows whether it has the row: the next start will
            raise
        except BaseException:
            self._files.unmark(name)
            raise
        self._files.unmark(name)
        return stored

    def _put(
        self, name: str, instance: Instance, study: Study, *, modality: str, now: float, keeps_first: bool
    ) -> Stored:
        file = NewFile(self._files.path(name))
        try:
            digest = _digest(instance, file)
            file.keep(durable=True)
            row = _row(instance, file=name, digest=digest, modality=modality, now=now)
            with self._database.write() as connection:
                stored = self._insert(connection, row, study, keeps_first=keeps_first)
        except DatabaseUnreachable:
            raise
        except BaseException:
            file.discard()
            raise
        if stored in (Stored.DUPLICATE, Stored.KEPT):
            file.discard()
        return stored

    def _insert(self, connection: Connection, row: dict[str, Any], study: Study, *, keeps_first: bool) -> Stored:
        """Add an instance to the database, unless another thread has just added the same."""
        held = _held(connection, row["study_uid"], row["sop_instance_uid"])
        if held is not None and self._files.is_whole(held.file, held.size):
            if held.digest == row["digest"]:
                return Stored.DUPLICATE
            if keeps_first:
                return Stored.KEPT
        if held is not None:
            self._files.mark(held.file)  # transfers under way may still read it: it goes at the next start
        upsert(connection, stored_instances, [row])
        _merge(connection, study, row["study_uid"])
        return Stored.NEW if held is None else Stored.REPLACED

    def study(self, uid: str) -> Study | None:
        """A study with its counts and modalities; None when no instance of it is here."""
        with self._database.read() as connection:
            return next(iter(_assemble(connection, [uid])), None)

    def studies(self) -> Iterator[Study]:
        """Every study, by UID."""
        last = ""
        while True:
            query = select(stored_studies.c.study_uid).where(stored_studies.c.study_uid > last)
            with self._database.read() as connection:
                uids = list(connection.execute(query.order_by(stored_studies.c.study_uid).limit(PAGE)).scalars())
                page = _assemble(connection, uids)
            if not uids:
                return
            yield from page
            last = uids[-1]

    def instances(self, selection: Selection) -> list[Instance]:
        """The selected instances, by series and instance UID; none when the study is not here."""
        table = stored_instances
        query = select(table).where(table.c.study_uid == selection.study_uid)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.c.series_uid, table.c.sop_instance_uid)).mappings().all()
        return [
            self._instance(row)
            for row in rows
            if selection.includes(series_uid=row["series_uid"], sop_instance_uid=row["sop_instance_uid"])
        ]

    def classes(self, sop_instance_uids: Sequence[str]) -> dict[str, set[str]]:
        """The SOP Class UIDs of those among these instances that are safely here, by SOP Instance UID."""
        table, found = stored_instances, dict[str, set[str]]()
        for page in pages_of(sop_instance_uids):
            query = select(table.c.sop_instance_uid, table.c.sop_class_uid, table.c.file, table.c.size)
            with self._database.read() as connection:
                rows = connection.execute(query.where(table.c.sop_instance_uid.in_(page))).all()
            for row in rows:
                if self._files.is_whole(row.file, row.size):
                    found.setdefault(row.sop_instance_uid, set()).add(row.sop_class_uid)
        return found

    def remove(self, study_uid: str) -> int:
        """Let go of a study, its files too; a transfer of it that is under way loses what it has not read.

        Returns:
            How many instances it had.
        """
        table = stored_instances
        with self._database.write() as connection:
            query = select(table.c.file).where(table.c.study_uid == study_uid)
            files = list(connection.execute(query).scalars())
            for file in files:
                self._files.mark(file)  # should the node die now, the next start removes them
            connection.execute(table.delete().where(table.c.study_uid == study_uid))
            connection.execute(stored_studies.delete().where(stored_studies.c.study_uid == study_uid))
        for file in files:
            self._files.remove(file)
        return len(files)

    def _instance(self, row: Any) -> Instance:
        return Instance(
            study_uid=row["study_uid"],
            series_uid=row["series_uid"],
            sop_class_uid=row["sop_class_uid"],
            sop_instance_uid=row["sop_instance_uid"],
            transfer_syntax_uid=row["transfer_syntax_uid"],
            data=FileBlob(self._files.path(row["file"]), 0, row["size"]),
        )

    def _clean(self) -> None:
        found = self._files.clean(self._names_in)
        if found.removed:
            log_event("unreported_files_removed", count=found.removed)
        if found.unknown:
            log_event(
                "stored_files_unknown", count=found.unknown, next_step="restore the newest backup of the database"
            )
        if found.missing:
            log_event("stored_files_missing", count=found.missing, next_step="restore the objects folder from a backup")

    def _names_in(self, shard: str) -> set[str]:
        file = stored_instances.c.file
        query = select(file).where(file >= shard, file < shard + "g")  # hexadecimal digits end before g
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())


def _digest(instance: Instance, file: NewFile | None = None) -> bytes:
    """Read the instance's bytes, and write them when a file is given; return their digest."""
    hasher = hashlib.blake2b(digest_size=32)
    for piece in pieces(instance.data, PIECE):
        hasher.update(piece)
        if file is not None:
            file.write(piece)
    return hasher.digest()


def _row(instance: Instance, *, file: str, digest: bytes, modality: str, now: float) -> dict[str, Any]:
    return {
        "study_uid": instance.study_uid,
        "sop_instance_uid": instance.sop_instance_uid,
        "series_uid": instance.series_uid,
        "sop_class_uid": instance.sop_class_uid,
        "transfer_syntax_uid": instance.transfer_syntax_uid,
        "modality": modality,
        "file": file,
        "size": instance.data.size,
        "digest": digest,
        "received_at": now,
    }


def _held(connection: Connection, study_uid: str, sop_instance_uid: str) -> _Held | None:
    table = stored_instances
    query = select(table.c.file, table.c.size, table.c.digest).where(
        table.c.study_uid == study_uid, table.c.sop_instance_uid == sop_instance_uid
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _Held(row.file, row.size, row.digest)


def _merge(connection: Connection, study: Study, uid: str) -> None:
    """Let a study's attributes be the newest word on each that is not empty."""
    told = {**row_of(study), "study_uid": uid}
    query = select(stored_studies).where(stored_studies.c.study_uid == uid)
    known = connection.execute(query).mappings().one_or_none()
    merged = told if known is None else {name: value or known[name] for name, value in told.items()}
    if known is None or merged != dict(known):
        upsert(connection, stored_studies, [merged])


def _assemble(connection: Connection, uids: Sequence[str]) -> list[Study]:
    """The studies among these UIDs, in order, counted from their instances."""
    table = stored_instances
    of_these = table.c.study_uid.in_(uids)
    counting = select(table.c.study_uid, func.count(table.c.series_uid.distinct()), func.count())
    counts = {
        uid: numbers for uid, *numbers in connection.execute(counting.where(of_these).group_by(table.c.study_uid))
    }
    modalities: dict[str, list[str]] = {}
    listing = select(table.c.study_uid, table.c.modality).where(of_these, table.c.modality != "").distinct()
    for uid, modality in connection.execute(listing.order_by(table.c.modality)):
        modalities.setdefault(uid, []).append(modality)
    query = select(stored_studies).where(stored_studies.c.study_uid.in_(uids)).order_by(stored_studies.c.study_uid)
    return [
        study_of(
            {
                **row,
                "modalities": "\\".join(modalities.get(row["study_uid"], [])),
                "series_count": counts[row["study_uid"]][0],
                "instance_count": counts[row["study_uid"]][1],
            }
        )
        for row in connection.execute(query).mappings()
    ]
