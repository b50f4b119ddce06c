"""Images on their way, kept in files so that a transfer goes on where it stopped after a restart.

What is here can be fetched again, so nothing waits for the disk: `kill -9` of the node loses no instance that was
finished, and a power cut costs at most fetching some again, because every instance found at start is checked against
its digest before it is used. The folder never grows over its bound. File names are random and identify nobody.

Belongs here: transfers, their space, their age. Not here: one transfer's instances (spooled.py).
One process at a time uses a folder (node.lock).
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import ColumnElement, bindparam, select

from idas_p2p.errors import SpoolFull
from idas_p2p.events import log_event
from idas_p2p.store.database import Database, upsert
from idas_p2p.store.files import NAME_SIZE, disk_errors, make_folder
from idas_p2p.store.spooled import Shelf, SpooledTransfer
from idas_p2p.store.tables import spool_instances, spool_transfers


class Spool:
    """The transfers in a folder; safe to use from several threads.

    Args:
        root: the folder; made when missing, and cleaned of what was never finished.
        database: knows what is in it.
        max_bytes: of data sets, finished and announced together.
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
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._root = root
        self._database = database
        self._max_bytes = max_bytes
        self._random_bytes = random_bytes
        self._lock = threading.RLock()
        self._open: set[SpooledTransfer] = set()
        self._used = 0
        self._unchecked: dict[bytes, set[str]] = {}
        with disk_errors():
            make_folder(root)
            self._recover()

    @property
    def used_bytes(self) -> int:
        """Bytes of data sets, finished and announced together."""
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
            folder = self._root / self._folder_of(key, now=now)
            with disk_errors():
                make_folder(folder)
            shelf = Shelf(
                database=self._database,
                folder=folder,
                reserve=self._reserve,
                release=self._release,
                unchecked=self._unchecked.setdefault(key, set()),
                random_bytes=self._random_bytes,
            )
            transfer = SpooledTransfer(key, shelf, on_close=self._close)
            self._open.add(transfer)
            return transfer

    def remove(self, key: bytes) -> None:
        """Drop a transfer nobody reads or writes any more; nothing happens when there is none."""
        with self._lock:
            with self._database.write(durable=False) as connection:
                query = select(spool_transfers.c.folder).where(spool_transfers.c.key == key)
                folder = connection.execute(query).scalar()
                sizes = connection.execute(select(spool_instances.c.size).where(spool_instances.c.key == key)).scalars()
                freed = sum(sizes)
                connection.execute(spool_transfers.delete().where(spool_transfers.c.key == key))
            self._unchecked.pop(key, None)
            self._release(freed)
        if folder is not None:
            shutil.rmtree(self._root / folder, ignore_errors=True)

    def expire(self, older_than: float) -> int:
        """Drop the closed transfers last opened before a moment.

        Args:
            older_than: Unix time in seconds.

        Returns:
            How many were dropped.
        """
        with self._lock:
            keys = self._closed(spool_transfers.c.used_at < older_than)
            for key in keys:
                self.remove(key)
        return len(keys)

    def _folder_of(self, key: bytes, *, now: float) -> str:
        with self._database.write(durable=False) as connection:
            query = select(spool_transfers.c.folder).where(spool_transfers.c.key == key)
            folder: str = connection.execute(query).scalar() or self._random_bytes(NAME_SIZE).hex()
            upsert(connection, spool_transfers, [{"key": key, "folder": folder, "used_at": now}])
        return folder

    def _close(self, transfer: SpooledTransfer) -> None:
        with self._lock:
            self._open.discard(transfer)

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
        """Keep what has both its row and its file of the right size, and drop the rest."""
        table = spool_instances
        folders = select(spool_transfers.c.key, spool_transfers.c.folder)
        with self._database.write(durable=False) as connection:
            kept = {folder: key for key, folder in connection.execute(folders)}
            for path in [path for path in self._root.iterdir() if path.name not in kept]:
                shutil.rmtree(path)
            for folder, key in kept.items():
                sizes = _sizes(self._root / folder)
                rows = connection.execute(select(table).where(table.c.key == key)).all()
                right = [row for row in rows if sizes.get(row.file) == row.size]
                lost = [{"name": row.sop_instance_uid} for row in rows if sizes.get(row.file) != row.size]
                if lost:
                    same = (table.c.key == key) & (table.c.sop_instance_uid == bindparam("name"))
                    connection.execute(table.delete().where(same), lost)
                for name in sizes.keys() - {row.file for row in right}:
                    (self._root / folder / name).unlink()
                self._unchecked[key] = {row.sop_instance_uid for row in right}
                self._used += sum(row.size for row in right)
        log_event("spool_opened", count=len(kept), bytes=self._used)


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file in a folder; nothing when it is not there."""
    return {path.name: path.stat().st_size for path in folder.iterdir()} if folder.is_dir() else {}
