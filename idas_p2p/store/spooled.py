"""One transfer's instances in the spool: those that are whole, and the verified beginnings of those that are not.

Belongs here: one transfer. Not here: writing an instance (spool_writer.py), its files (place.py), the space all share,
age, cleaning (spool.py).
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from sqlalchemy import ColumnElement, select

from idas_p2p.errors import DigestMismatch
from idas_p2p.events import log_event
from idas_p2p.store.database import Database
from idas_p2p.store.files import NAME_SIZE, part_of
from idas_p2p.store.gathered_writer import GatheredWriter
from idas_p2p.store.place import Beginning, PartialInstance, Place, instance_of, is_right
from idas_p2p.store.sidecar import sidecar_of
from idas_p2p.store.spool_writer import SpoolWriter, record
from idas_p2p.store.tables import spool_instances
from idas_p2p.wire.instance import Instance


class SpooledTransfer:
    """The instances of one transfer. Close it when nobody reads or writes it any more.

    Args:
        place: where it lies.
        database: knows what is whole.
        gathered_size: bytes up to which an instance is kept with others in one file; 0: each in its own.
        on_close: called once.
    """

    def __init__(
        self,
        place: Place,
        database: Database,
        *,
        gathered_size: int,
        on_close: Callable[[SpooledTransfer], None],
    ) -> None:
        self.key = place.key
        self._place, self._database = place, database
        self._gathered_size, self._on_close = gathered_size, on_close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the spool age this transfer out. May be repeated."""
        self._on_close(self)

    def instances(self) -> list[Instance]:
        """The instances that are whole, by series and instance UID.

        The first call after a restart reads and checks every byte; one that is not right is dropped.
        """
        return [instance_of(row, self._place) for row in self._rows()]

    def digests(self) -> dict[str, bytes]:
        """BLAKE3 of each of these instances, by SOP Instance UID."""
        return {row["sop_instance_uid"]: row["digest"] for row in self._rows()}

    def drop(self, sop_instance_uid: str) -> None:
        """Remove a whole instance that is not the one it should be; nothing happens when there is none."""
        query = select(spool_instances).where(self._is(sop_instance_uid))
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        self._place.unchecked.discard(sop_instance_uid)
        if row is not None:
            self._remove(row)
        with self._place.lock:
            self._place.gathered.drop(sop_instance_uid)

    def partial(self) -> list[PartialInstance]:
        """The verified beginnings of instances nobody writes now, at most MAX_BEGINNINGS, the longest first.

        The first call after a restart reads and checks every byte; what is not right is dropped.
        """
        self._compare()
        return sorted((begun.shown for begun in list(self._place.unfinished.values())), key=lambda one: -one.kept)

    def begin(
        self,
        *,
        study_uid: str,
        series_uid: str,
        sop_class_uid: str,
        sop_instance_uid: str,
        transfer_syntax_uid: str,
        size: int,
        digest: bytes,
        start: int = 0,
    ) -> SpoolWriter | GatheredWriter:
        """Begin to write an instance, or go on with one.

        Args:
            study_uid: and the next four: its names.
            series_uid: see above.
            sop_class_uid: see above.
            sop_instance_uid: see above.
            transfer_syntax_uid: see above.
            size: bytes of its data set.
            digest: BLAKE3 of its data set.
            start: 0, or as many bytes as `partial` says are kept of it.

        Raises:
            DigestMismatch: no beginning of this instance is kept that is so long.
            SpoolFull: the spool cannot hold that many more bytes, or the disk cannot.
        """
        row = {
            "key": self.key,
            "sop_instance_uid": sop_instance_uid,
            "study_uid": study_uid,
            "series_uid": series_uid,
            "sop_class_uid": sop_class_uid,
            "transfer_syntax_uid": transfer_syntax_uid,
            "size": size,
            "digest": digest,
        }
        begun = self._taken(row, start) if start else None
        try:
            self._place.reserve(size - start)
        except BaseException:
            if begun:
                self._place.park(begun)
            raise
        if begun is None and 0 < size <= self._gathered_size:
            return GatheredWriter(row, self._place)
        name = begun.row["file"] if begun else self._new_name()
        try:
            return SpoolWriter({**row, "file": name}, self._place, self._database, begun=begun)
        except BaseException:
            self._place.release(size - start)
            if begun:
                self._place.park(begun)
            raise

    def _taken(self, row: dict[str, Any], start: int) -> Beginning:
        """The beginning of an instance, no longer kept."""
        begun = self._place.take(row["sop_instance_uid"])
        if begun is not None and begun.hasher and begun.kept == start and row.items() <= begun.row.items():
            return begun
        if begun is not None:
            self._place.park(begun)
        raise DigestMismatch("no such beginning is kept")

    def _new_name(self) -> str:
        return self._place.random_bytes(NAME_SIZE).hex() + self._place.forms.new.suffix

    def _is_right(self, row: Any) -> bool:
        uid = row["sop_instance_uid"]
        if uid not in self._place.unchecked:
            return True
        right = is_right(self._place.blob(row), row["digest"])
        self._place.unchecked.discard(uid)
        if not right:
            log_event("spooled_instance_dropped", reason=DigestMismatch.code, size=row["size"])
            self._remove(row)
        return right

    def _is(self, sop_instance_uid: str) -> ColumnElement[bool]:
        table = spool_instances
        return (table.c.key == self.key) & (table.c.sop_instance_uid == sop_instance_uid)

    def _remove(self, row: Any) -> None:
        if "start" in row:
            with self._place.lock:
                self._place.gathered.drop(row["sop_instance_uid"])
            return
        with self._database.write(durable=False) as connection:
            connection.execute(spool_instances.delete().where(self._is(row["sop_instance_uid"])))
        self._place.path(row).unlink(missing_ok=True)
        self._place.release(row["size"])

    def _rows(self) -> list[Any]:
        """The rows of the instances that are right, in order."""
        self._compare()
        table = spool_instances
        with self._database.read() as connection:
            found = connection.execute(select(table).where(table.c.key == self.key)).mappings().all()
        with self._place.lock:
            rows: dict[str, Any] = {**self._place.gathered.rows, **{row["sop_instance_uid"]: row for row in found}}
        ordered = sorted(rows.values(), key=lambda row: (row["series_uid"], row["sop_instance_uid"]))
        return [row for row in ordered if self._is_right(row)]

    def _compare(self) -> None:
        """Compare the beginnings found at start, and finish those of which all had come."""
        for begun in self._place.compare():
            path = self._place.path(begun.row)
            part_of(path).rename(path)
            if record(begun.row, self._database) is not begun.row:
                path.unlink()
                self._place.release(begun.kept)
            sidecar_of(path).unlink(missing_ok=True)
