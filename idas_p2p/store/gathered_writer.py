"""One smaller instance of a transfer while it comes: held in memory until it is whole, then kept at once.

Law: it is no longer than a chunk may be, so that `kill -9` costs no more bytes than a chunk does.
Belongs here: one such instance. Not here: larger ones, which are written as they come (spool_writer.py).
"""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from idas_p2p.blob import Octets
from idas_p2p.crypto.digest import data_hasher
from idas_p2p.errors import DigestMismatch, IdasError, InstanceChanged, StorageRefused
from idas_p2p.store.place import Place, instance_of
from idas_p2p.store.sidecar import PREFIX_DIGEST_SIZE
from idas_p2p.wire.instance import Instance


class GatheredWriter:
    """As SpoolWriter, for an instance that is kept with others in one file.

    Args:
        announced: its names, size and digest.
        place: where its transfer lies; has reserved its size.
    """

    def __init__(self, announced: dict[str, Any], place: Place) -> None:
        self._announced, self._place = announced, place
        self._pieces = list[Octets]()
        self._size = 0  # bytes of them
        self._hasher = data_hasher()
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def write(self, piece: Octets, digest: bytes | None = None) -> None:
        """As SpoolWriter.write; the disk is not touched yet."""
        self._hasher.update(piece)
        is_right = digest is None or self._hasher.digest()[:PREFIX_DIGEST_SIZE] == digest
        self._size += len(piece)
        if not is_right or self._size > self._announced["size"]:
            self.abort()
            raise DigestMismatch("other bytes, or more, than announced")
        self._pieces.append(piece)

    def finish(self) -> Instance:
        """As SpoolWriter.finish."""
        try:
            if self._size < self._announced["size"] or self._hasher.digest() != self._announced["digest"]:
                raise DigestMismatch("other bytes than announced")
            return self._keep()
        finally:
            self.abort()

    def _keep(self) -> Instance:
        place, uid = self._place, self._announced["sop_instance_uid"]
        with place.lock:
            if place.is_removed:
                raise StorageRefused("its transfer was removed")
            held = place.gathered.rows.get(uid)
            if held is None:
                held = place.gathered.add(self._announced, b"".join(self._pieces))
                self._is_over = True
            elif held["digest"] != self._announced["digest"]:
                raise InstanceChanged("another version is here")
            place.drop(uid)
        return instance_of(held, place)

    def pause(self) -> None:
        """Keep it if all of it came, else nothing. Does nothing after the end of this one."""
        if not self._is_over:
            with suppress(IdasError):  # aborted then
                self.finish()

    def abort(self) -> None:
        """Forget it and give back its space. Does nothing after `finish`; may be repeated."""
        if not self._is_over:
            self._is_over = True
            self._place.release(self._announced["size"])
            self._pieces.clear()
