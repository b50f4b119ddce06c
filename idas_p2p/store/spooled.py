"""One transfer's instances in the spool: written piece by piece, kept when whole and right.

Belongs here: one transfer. Not here: the space all share, age, cleaning (spool.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import select

from idas_p2p.blob import Blob, FileBlob, pieces
from idas_p2p.errors import DigestMismatch, IdasError
from idas_p2p.events import log_event
from idas_p2p.store.database import Database, insert_missing
from idas_p2p.store.files import NAME_SIZE, NewFile
from idas_p2p.store.tables import spool_instances
from idas_p2p.wire.instance import Instance

DIGEST_SIZE: Final = 32  # bytes; BLAKE2b-256
PIECE: Final = 1_048_576  # bytes read at a time; ours


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a transfer needs of the spool it lies in."""

    database: Database
    folder: Path  # of this transfer alone
    reserve: Callable[[int], None]  # raises SpoolFull
    release: Callable[[int], None]
    unchecked: set[str]  # SOP Instance UIDs found at start and not checked since
    random_bytes: Callable[[int], bytes]


class SpooledTransfer:
    """The instances of one transfer. Close it when nobody reads or writes it any more.

    Args:
        key: names the transfer, the same after a restart.
        shelf: where it lies.
        on_close: called once.
    """

    def __init__(self, key: bytes, shelf: Shelf, *, on_close: Callable[[SpooledTransfer], None]) -> None:
        self.key = key
        self._shelf = shelf
        self._on_close = on_close

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
        table = spool_instances
        query = select(table).where(table.c.key == self.key).order_by(table.c.series_uid, table.c.sop_instance_uid)
        with self._shelf.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [_instance(row, self._shelf.folder) for row in rows if self._is_right(row)]

    def _is_right(self, row: Any) -> bool:
        uid = row["sop_instance_uid"]
        if uid not in self._shelf.unchecked:
            return True
        path = self._shelf.folder / row["file"]
        try:
            right = bool(_digest(FileBlob(path, 0, row["size"])) == row["digest"])
        except OSError:
            right = False
        self._shelf.unchecked.discard(uid)
        if not right:
            log_event("spooled_instance_dropped", reason=DigestMismatch.code, size=row["size"])
            with self._shelf.database.write(durable=False) as connection:
                table = spool_instances
                connection.execute(table.delete().where(table.c.key == self.key, table.c.sop_instance_uid == uid))
            path.unlink(missing_ok=True)
            self._shelf.release(row["size"])
        return right

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
    ) -> SpoolWriter:
        """Begin to write an instance.

        Args:
            study_uid: and the next four: its names.
            series_uid: see above.
            sop_class_uid: see above.
            sop_instance_uid: see above.
            transfer_syntax_uid: see above.
            size: bytes of its data set.
            digest: BLAKE2b-256 of its data set.

        Raises:
            SpoolFull: the spool cannot hold that many more bytes, or the disk cannot.
        """
        name = self._shelf.random_bytes(NAME_SIZE).hex()
        row = {
            "key": self.key,
            "sop_instance_uid": sop_instance_uid,
            "study_uid": study_uid,
            "series_uid": series_uid,
            "sop_class_uid": sop_class_uid,
            "transfer_syntax_uid": transfer_syntax_uid,
            "file": name,
            "size": size,
            "digest": digest,
        }
        self._shelf.reserve(size)
        try:
            return SpoolWriter(row, NewFile(self._shelf.folder / name), self._shelf)
        except BaseException:
            self._shelf.release(size)
            raise


class SpoolWriter:
    """One instance being written. Leaving its block before `finish` aborts it.

    Args:
        row: its names, size and digest.
        file: takes its bytes.
        shelf: where its transfer lies; has reserved its size.
    """

    def __init__(self, row: dict[str, Any], file: NewFile, shelf: Shelf) -> None:
        self._row = row
        self._file = file
        self._shelf = shelf
        self._left: int = row["size"]
        self._hasher = hashlib.blake2b(digest_size=DIGEST_SIZE)
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def write(self, piece: bytes) -> None:
        """Append bytes of the data set.

        Raises:
            DigestMismatch: more bytes than were announced. The instance is aborted; so in every error.
            SpoolFull: the disk is full.
            StorageRefused: the disk failed.
        """
        try:
            self._left -= len(piece)
            if self._left < 0:
                raise DigestMismatch("more bytes than announced")
            self._hasher.update(piece)
            self._file.write(piece)
        except IdasError:
            self.abort()
            raise

    def finish(self) -> Instance:
        """Keep the instance: it survives the node's death from now on.

        Raises:
            DigestMismatch: not the bytes that were announced. The instance is aborted; so in every error.
            SpoolFull, DatabaseFull, StorageRefused: the disk is full or failed.
        """
        try:
            if self._left or self._hasher.digest() != self._row["digest"]:
                raise DigestMismatch("other bytes than announced")
            self._file.keep(durable=False)
            held = self._insert()
        except BaseException:
            self.abort()
            raise
        if held is not self._row:
            self.abort()
        self._is_over = True
        return _instance(held, self._shelf.folder)

    def _insert(self) -> Any:
        """Add the row, or return the one of the same instance that another writer finished before."""
        table = spool_instances
        with self._shelf.database.write(durable=False) as connection:
            if insert_missing(connection, table, self._row):
                return self._row
            same = (table.c.key == self._row["key"]) & (table.c.sop_instance_uid == self._row["sop_instance_uid"])
            return connection.execute(select(table).where(same)).mappings().one()

    def abort(self) -> None:
        """Remove what was written and give back its space. Does nothing after `finish`; may be repeated."""
        if not self._is_over:
            self._is_over = True
            self._shelf.release(self._row["size"])
            self._file.discard()


def _instance(row: Any, folder: Path) -> Instance:
    return Instance(
        study_uid=row["study_uid"],
        series_uid=row["series_uid"],
        sop_class_uid=row["sop_class_uid"],
        sop_instance_uid=row["sop_instance_uid"],
        transfer_syntax_uid=row["transfer_syntax_uid"],
        data=FileBlob(folder / row["file"], 0, row["size"]),
    )


def _digest(blob: Blob) -> bytes:
    hasher = hashlib.blake2b(digest_size=DIGEST_SIZE)
    for piece in pieces(blob, PIECE):
        hasher.update(piece)
    return hasher.digest()
