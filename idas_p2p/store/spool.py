"""Images on their way, kept in files so that a transfer goes on where it stopped after a restart.

What is here can be fetched again, so nothing waits for the disk: `kill -9` of the node loses no instance that was
finished, and no verified chunk of one that is longer than a chunk may be; a power cut costs at most fetching some
again, because everything found at start is checked against its digests before it is used. The folder never grows over
its bound. File names are random and identify nobody; with `encrypt`, the files themselves tell nothing either.

Belongs here: transfers, their space, their age. Not here: one transfer's instances (spooled.py).
One process at a time uses a folder (node.lock).
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, bindparam, select

from idas_p2p.errors import SpoolFull
from idas_p2p.events import log_event
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.store.database import Database, upsert
from idas_p2p.store.files import NAME_SIZE, disk_errors, make_folder
from idas_p2p.store.place import Forms, Place
from idas_p2p.store.scratch import Scratch
from idas_p2p.store.spooled import SpooledTransfer
from idas_p2p.store.tables import spool_instances, spool_transfers


class Spool:
    """The transfers in a folder; safe to use from several threads.

    Args:
        root: the folder; made when missing, and cleaned of what was never finished.
        database: knows what is in it.
        max_bytes: of data sets, finished, announced and begun together.
        seal_key: 32 secret bytes, the same at each start; opens and makes sealed files.
        encrypt: seal all files; plain ones of earlier are dropped. Without it, sealed ones of earlier stay in use.
        gathered_size: bytes up to which instances of a transfer share files; 0: each has its own.
        random_bytes: gives that many unpredictable bytes.

    Raises:
        StorageRefused: the folder cannot be used.
    """

    def __init__(
        self,
        root: Path,
        database: Database,
        *,
        max_bytes: int,
        seal_key: bytes = b"",
        encrypt: bool = False,
        gathered_size: int = CHUNK_SIZE,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._root = root
        self._database = database
        self._max_bytes, self._gathered_size = max_bytes, gathered_size
        self._random_bytes = random_bytes
        self._lock = threading.RLock()
        self._open: set[SpooledTransfer] = set()
        self._used = 0
        self._forms = Forms(seal_key, encrypt)
        self._places: dict[bytes, Place] = {}
        self._scratch_folder = root / random_bytes(NAME_SIZE).hex()
        with disk_errors():
            make_folder(root)
            self._recover()

    @property
    def used_bytes(self) -> int:
        """Bytes of data sets, finished, announced and begun together."""
        return self._used

    def open(self, key: bytes, *, now: float) -> SpooledTransfer:
        """A transfer, with what earlier ones of the same key left.

        Args:
            key: names the transfer, the same after a restart.
            now: Unix time in seconds.

        Raises:
            StorageRefused, SpoolFull, DatabaseFull: it has no place here.
        """
        with self._lock:
            place = self._place(key, self._folder_of(key, now=now))
            with disk_errors():
                make_folder(place.folder)
            transfer = SpooledTransfer(place, self._database, gathered_size=self._gathered_size, on_close=self._close)
            self._open.add(transfer)
            return transfer

    @property
    def seals(self) -> bool:
        """Whether new files are sealed."""
        return self._forms.encrypt

    def scratch(self) -> Scratch:
        """A place for data sets that nobody needs after a restart, within the same bound."""
        return Scratch(self._scratch_folder, self._forms.new, self._reserve, self._release, self._random_bytes)

    def remove(self, key: bytes) -> None:
        """Drop a transfer nobody reads or writes any more; nothing happens when there is none."""
        folder = self._forget(key)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def expire(self, older_than: float) -> int:
        """Drop the closed transfers last opened before a moment, one by one: whoever writes meanwhile hardly waits.

        Args:
            older_than: Unix time in seconds.

        Returns:
            How many were dropped.
        """
        old, count = spool_transfers.c.used_at < older_than, 0
        with self._lock:
            keys = self._closed(old)
        for key in keys:
            with self._lock:
                is_open = key in {transfer.key for transfer in self._open}
                folder = None if is_open else self._forget(key)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
                count += 1
        if count:
            log_event("spool_aged", count=count, bytes=self._used)
        return count

    def _forget(self, key: bytes) -> Path | None:
        """Give back the space of a transfer; return its folder, which is to be removed."""
        with self._lock:
            with self._database.write(durable=False) as connection:
                query = select(spool_transfers.c.folder).where(spool_transfers.c.key == key)
                folder = connection.execute(query).scalar()
                sizes = connection.execute(select(spool_instances.c.size).where(spool_instances.c.key == key)).scalars()
                freed = sum(sizes)
                connection.execute(spool_transfers.delete().where(spool_transfers.c.key == key))
            place = self._places.pop(key, None)
            if place is not None:
                place.is_removed = True
                place.gathered.close()
                freed += place.gathered.size + sum(begun.kept for begun in place.unfinished.values())
            self._release(freed)
        return None if folder is None else self._root / folder

    def _folder_of(self, key: bytes, *, now: float) -> str:
        with self._database.write(durable=False) as connection:
            query = select(spool_transfers.c.folder).where(spool_transfers.c.key == key)
            folder: str = connection.execute(query).scalar() or self._random_bytes(NAME_SIZE).hex()
            upsert(connection, spool_transfers, [{"key": key, "folder": folder, "used_at": now}])
        return folder

    def _place(self, key: bytes, folder: str) -> Place:
        """Where a transfer lies."""
        if key not in self._places:
            self._places[key] = Place(
                key, self._root / folder, self._forms, self._lock, self._reserve, self._release, self._random_bytes
            )
        return self._places[key]

    def _close(self, transfer: SpooledTransfer) -> None:
        with self._lock:
            self._open.discard(transfer)
            place = self._places.get(transfer.key)
            if place is not None and all(other.key != transfer.key for other in self._open):
                place.gathered.close()

    def _reserve(self, size: int) -> None:
        """Take space, dropping closed transfers, the longest unused first, when there is too little."""
        with self._lock:
            closed = self._closed() if size <= self._max_bytes < self._used + size else []
            for key in closed:
                self.remove(key)
                if self._used + size <= self._max_bytes:
                    break
            if self._used + size > self._max_bytes:
                raise SpoolFull(f"{self._used} of {self._max_bytes} bytes used, {size} more needed")
            self._used += size

    def _release(self, size: int) -> None:
        with self._lock:
            self._used -= size

    def _closed(self, *conditions: ColumnElement[bool]) -> list[bytes]:
        """Keys of the transfers nobody has open, the longest unused first."""
        busy = {transfer.key for transfer in self._open}
        query = select(spool_transfers.c.key).where(*conditions).order_by(spool_transfers.c.used_at)
        with self._database.read() as connection:
            return [key for key in connection.execute(query).scalars() if key not in busy]

    def _recover(self) -> None:
        """Keep what has both its row and its file of the right size, and what was begun; drop the rest."""
        folders = select(spool_transfers.c.key, spool_transfers.c.folder)
        with self._database.write(durable=False) as connection:
            kept = {folder: key for key, folder in connection.execute(folders)}
            for path in [path for path in self._root.iterdir() if path.name not in kept]:
                shutil.rmtree(path)
            for folder, key in kept.items():
                place = self._place(key, folder)
                self._used += _found(place, connection) + place.gathered.size
                self._used += sum(begun.kept for begun in place.unfinished.values())
        log_event("spool_opened", count=len(kept), bytes=self._used)


def _found(place: Place, connection: Connection) -> int:
    """Bytes of the instances of a transfer whose files are right; the rows of the others are deleted."""
    table = spool_instances
    rows = connection.execute(select(table).where(table.c.key == place.key)).all()
    right = place.find(rows)
    files = {row.file for row in right}
    lost = [{"name": row.sop_instance_uid} for row in rows if row.file not in files]
    if lost:
        same = (table.c.key == place.key) & (table.c.sop_instance_uid == bindparam("name"))
        connection.execute(table.delete().where(same), lost)
    return sum(row.size for row in right)
