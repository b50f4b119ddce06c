"""One instance of a transfer while it is written: compared as it comes, kept when whole, its beginning kept when not.

Law: bytes that disagree with their digest are never written; what `write` returned for with a digest survives `kill -9`
of the node. Belongs here: one instance. Not here: the other ones of its transfer (spooled.py).
"""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from sqlalchemy import select

from idas_p2p.blob import Octets
from idas_p2p.crypto.digest import data_hasher
from idas_p2p.errors import DigestMismatch, IdasError, InstanceChanged
from idas_p2p.store.database import Database, insert_missing
from idas_p2p.store.place import Beginning, Place, instance_of
from idas_p2p.store.sidecar import PREFIX_DIGEST_SIZE, Mark, Sidecar
from idas_p2p.store.tables import spool_instances
from idas_p2p.wire.instance import Instance


class SpoolWriter:
    """One instance being written. Leaving its block before `finish` aborts it.

    Args:
        row: its names, size and digest, and its file.
        place: where its transfer lies; has reserved its size.
        database: takes its row.
        begun: the beginning to go on from; None to start.

    Raises:
        SpoolFull, StorageRefused: its file cannot be made or opened.
    """

    def __init__(self, row: dict[str, Any], place: Place, database: Database, *, begun: Beginning | None) -> None:
        self._row, self._place, self._database = row, place, database
        last: Mark | None = begun.marks[-1] if begun else None
        self._hasher = begun.hasher if begun and begun.hasher else data_hasher()
        self._kept_hasher = self._hasher  # of the bytes up to the sidecar's last mark; never changed
        self._end = last.end if last else 0  # bytes written
        form, path = place.forms.of(row["file"]) or place.forms.new, place.path(row)
        self._file = form.file(path, start=last.end if last else None)
        self._sidecar = Sidecar(path, form, row, after=last)
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def write(self, piece: Octets, digest: bytes | None = None) -> None:
        """Append bytes of the data set.

        Args:
            piece: the next ones.
            digest: the first 16 bytes of BLAKE3 of all bytes up to the end of the piece. With it, the piece is
                compared first, and kept also when the instance is not finished. Without it, this and the rest are not.

        Raises:
            DigestMismatch: other bytes, or more than were announced. The instance is aborted; so in every error.
            SpoolFull: the disk is full.
            StorageRefused: the disk failed.
        """
        try:
            if self._end + len(piece) > self._row["size"]:
                raise DigestMismatch("more bytes than announced")
            hasher = self._hasher.copy()
            hasher.update(piece)
            if digest is not None and hasher.digest()[:PREFIX_DIGEST_SIZE] != digest:
                raise DigestMismatch("a chunk has other bytes than announced")
            self._file.write(piece)
            is_next = self._end == self._kept
            self._end, self._hasher = self._end + len(piece), hasher
            if digest is not None and is_next and piece and self._kept_counts():
                self._file.flush()
                self._sidecar.append(self._end, digest)
                self._kept_hasher = hasher
        except IdasError:
            self.abort()
            raise

    @property
    def _kept(self) -> int:
        """Bytes that a pause would keep."""
        return self._sidecar.last.end if self._sidecar.last else 0

    def _kept_counts(self) -> bool:
        """Whether a mark here is worth it: not for an instance that comes in one piece."""
        return self._end < self._row["size"] or self._sidecar.last is not None

    def finish(self) -> Instance:
        """Keep the instance: it survives the node's death from now on.

        Raises:
            DigestMismatch: not the bytes that were announced. The instance is aborted; so in every error.
            InstanceChanged: another version of it is here already, and stays.
            SpoolFull, DatabaseFull, StorageRefused: the disk is full or failed.
        """
        try:
            if self._end < self._row["size"] or self._hasher.digest() != self._row["digest"]:
                raise DigestMismatch("other bytes than announced")
            self._file.keep(durable=False)
            held = record(self._row, self._database)
            if held["digest"] != self._row["digest"]:
                raise InstanceChanged("another version is here")
        except BaseException:
            self.abort()
            raise
        if held is not self._row:
            self.abort()
        self._is_over = True
        self._sidecar.remove()
        self._place.drop(self._row["sop_instance_uid"])
        return instance_of(held, self._place)

    def pause(self) -> None:
        """Stop here and keep what was verified, for a writer that goes on. Does nothing after the end of this one."""
        if self._is_over:
            return
        if self._end == self._row["size"]:
            with suppress(IdasError):  # aborted then
                self.finish()
            return
        if self._sidecar.last is None:
            self.abort()
            return
        self._is_over = True
        self._file.park()
        self._sidecar.close()
        self._place.release(self._row["size"] - self._kept)
        self._place.park(Beginning(self._row, (self._sidecar.last,), self._kept_hasher))

    def abort(self) -> None:
        """Remove what was written and give back its space. Does nothing after `finish`; may be repeated."""
        if not self._is_over:
            self._is_over = True
            self._place.release(self._row["size"])
            self._sidecar.remove()
            self._file.discard()


def record(row: dict[str, Any], database: Database) -> Any:
    """Add an instance's row, or return the one of the same instance that another writer finished before."""
    table = spool_instances
    with database.write(durable=False) as connection:
        if insert_missing(connection, table, row):
            return row
        same = (table.c.key == row["key"]) & (table.c.sop_instance_uid == row["sop_instance_uid"])
        return connection.execute(select(table).where(same)).mappings().one()
