"""Where one transfer lies in the spool: its folder, what is in it, and what of that was compared with its digest.

Law: what is found at start is used after it was read and compared once; of an unfinished instance the longest beginning
that agrees is kept. Belongs here: files and their state. Not here: rows (spooled.py), the space all share (spool.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from idas_p2p.blob import Blob, pieces
from idas_p2p.crypto.digest import DataHasher, data_hasher
from idas_p2p.events import log_event
from idas_p2p.store.files import disk_errors, part_of
from idas_p2p.store.forms import SUFFIX, Form
from idas_p2p.store.gathered import Gathered
from idas_p2p.store.sidecar import KEPT, PREFIX_DIGEST_SIZE, Mark, read_sidecar, sidecar_of
from idas_p2p.wire.instance import Instance

PIECE: Final = 1_048_576  # bytes read at a time; ours
MAX_BEGINNINGS: Final = 64  # of one transfer; protocol: as many as a request can name, docs/spec/exchange.md section 4


@dataclass(frozen=True, slots=True)
class PartialInstance:
    """The verified beginning of an instance."""

    sop_instance_uid: str
    digest: bytes  # BLAKE3 of the whole instance, as announced
    size: int  # bytes of the whole instance
    kept: int  # bytes from its start that are here; 0 < kept < size


@dataclass(frozen=True, slots=True)
class Beginning:
    """An unfinished instance that nobody writes now."""

    row: dict[str, Any]  # as it will be in spool_instances
    marks: tuple[Mark, ...]  # at least one; the last one tells how much is kept
    hasher: DataHasher | None  # of the bytes that are kept; None until they were compared

    @property
    def kept(self) -> int:
        """Bytes from its start that are here."""
        return self.marks[-1].end

    @property
    def shown(self) -> PartialInstance:
        """As others see it."""
        return PartialInstance(self.row["sop_instance_uid"], self.row["digest"], self.row["size"], self.kept)


@dataclass(frozen=True, slots=True)
class Forms:
    """How new files are written, and which ones can be read."""

    seal_key: bytes = field(default=b"", repr=False)  # 32 bytes; empty: nothing sealed can be read
    encrypt: bool = False

    @property
    def new(self) -> Form:
        """For files from now on."""
        return Form(self.seal_key if self.encrypt else b"")

    def of(self, name: str) -> Form | None:
        """Of an existing file; None when it must not stay: unreadable, or plain where all is to be sealed."""
        if name.endswith(SUFFIX):
            return Form(self.seal_key) if self.seal_key else None
        return None if self.encrypt else Form()


@dataclass(slots=True)
class Place:
    """One transfer's folder. `lock` is held while its state changes."""

    key: bytes
    folder: Path
    forms: Forms
    lock: threading.RLock
    reserve: Callable[[int], None]  # raises SpoolFull
    release: Callable[[int], None]
    random_bytes: Callable[[int], bytes]
    unchecked: set[str] = field(default_factory=set)  # SOP Instance UIDs found at start and not compared since
    unfinished: dict[str, Beginning] = field(default_factory=dict)  # by SOP Instance UID
    is_removed: bool = False
    gathered: Gathered = field(init=False)

    def __post_init__(self) -> None:
        self.gathered = Gathered(self.folder, form=self.forms.of, new=self.forms.new, random_bytes=self.random_bytes)

    def path(self, row: Any) -> Path:
        """Of an instance's data."""
        return self.folder / str(row["file"])

    def blob(self, row: Any, *, size: int | None = None) -> Blob:
        """An instance's data; with a size, the beginning of one that is not whole."""
        if size is None and "start" in row:
            return self.gathered.blob(row)
        form = self.forms.of(row["file"]) or Form()
        if size is None:
            return form.blob(self.path(row), row["size"])
        return form.blob(part_of(self.path(row)), size, whole=False)

    def find(self, rows: Iterable[Any]) -> list[Any]:
        """At start: look what is in the folder; return the rows whose files are right by their size.

        Everything that belongs neither to one of them nor to an unfinished instance is removed.
        """
        sizes = _sizes(self.folder)
        right = [
            row for row in rows if (form := self.forms.of(row.file)) and sizes.get(row.file) == form.disk_size(row.size)
        ]
        files = {row.file for row in right} | self.gathered.find(sizes)
        self.unchecked = {row.sop_instance_uid for row in right} | self.gathered.rows.keys()
        for name in [name.removesuffix(KEPT) for name in sizes if name.endswith(KEPT)]:
            found = None if name in files else self._found(name, sizes)
            if found is not None and found.row["sop_instance_uid"] not in self.unchecked:
                self._keep_longest(found)
        for begun in self.unfinished.values():
            path = self.path(begun.row)
            files |= {part_of(path).name, sidecar_of(path).name}
        for name in _sizes(self.folder).keys() - files:
            (self.folder / name).unlink()
        return right

    def _found(self, name: str, sizes: dict[str, int]) -> Beginning | None:
        """The unfinished instance of a sidecar, not compared yet."""
        path = self.folder / name
        if name in sizes:  # it had just got its name, and no row yet
            path.rename(part_of(path))
        form, size = self.forms.of(name), sizes.get(name, sizes.get(part_of(path).name, 0))
        recorded = None if form is None else read_sidecar(path, form)
        if form is None or recorded is None:
            return None
        marks = tuple(mark for mark in recorded.marks if mark.end <= form.content_size(size))
        row = {**recorded.announced, "key": self.key, "file": name}
        return Beginning(row, marks, None) if marks else None

    def _keep_longest(self, begun: Beginning) -> bool:
        """Keep a beginning unless there is a longer one of the same instance; return whether it is kept now."""
        uid = begun.row["sop_instance_uid"]
        known = self.unfinished.get(uid)
        if known is not None and known.kept >= begun.kept:
            return False
        self.unfinished[uid] = begun
        return True

    def park(self, begun: Beginning) -> None:
        """Keep a beginning whose space up to its last mark stays reserved, or drop it for a longer one."""
        with self.lock:
            dropped = self.unfinished.get(begun.row["sop_instance_uid"])
            if self.is_removed or not self._keep_longest(begun):
                dropped = begun
            elif dropped is None and len(self.unfinished) > MAX_BEGINNINGS:
                dropped = min(self.unfinished.values(), key=lambda one: one.kept)
                del self.unfinished[dropped.row["sop_instance_uid"]]
            if dropped is not None:
                self._remove(dropped)

    def take(self, uid: str) -> Beginning | None:
        """Hand a beginning over to who goes on with it."""
        with self.lock:
            return self.unfinished.pop(uid, None)

    def drop(self, uid: str) -> None:
        """Remove a beginning and give back its space; nothing happens when there is none."""
        begun = self.take(uid)
        if begun is not None:
            self._remove(begun)

    def _remove(self, begun: Beginning) -> None:
        path = self.path(begun.row)
        with disk_errors():
            part_of(path).unlink(missing_ok=True)
            sidecar_of(path).unlink(missing_ok=True)
        self.release(begun.kept)

    def compare(self) -> list[Beginning]:
        """Read and compare the beginnings not compared yet; return those that turn out whole, no longer kept here."""
        whole = []
        with self.lock:
            for uid, begun in list(self.unfinished.items()):
                if begun.hasher is not None:
                    continue
                right = _right_part(begun, self.blob(begun.row, size=begun.kept))
                is_whole = right is not None and right.kept == right.row["size"]
                if right is None or (is_whole and right.hasher.digest() != right.row["digest"]):  # type: ignore[union-attr]
                    log_event("spooled_beginning_dropped", size=begun.kept)
                    self.drop(uid)
                    continue
                self.release(begun.kept - right.kept)
                self.unfinished[uid] = right
                if is_whole:
                    whole.append(self.unfinished.pop(uid))
        return whole


def _right_part(begun: Beginning, blob: Blob) -> Beginning | None:
    """As much of a beginning as agrees with its marks, compared; None when the first one does not."""
    hasher, right, offset = data_hasher(), None, 0
    for number, mark in enumerate(begun.marks, 1):
        try:
            while offset < mark.end:
                piece = blob.read(offset, min(PIECE, mark.end - offset))
                if not piece:
                    return right
                hasher.update(piece)
                offset += len(piece)
        except OSError:
            return right
        if hasher.digest()[:PREFIX_DIGEST_SIZE] != mark.digest:
            return right
        right = Beginning(begun.row, begun.marks[:number], hasher.copy())
    return right


def instance_of(row: Any, place: Place) -> Instance:
    """The whole instance of a row."""
    return Instance(
        study_uid=row["study_uid"],
        series_uid=row["series_uid"],
        sop_class_uid=row["sop_class_uid"],
        sop_instance_uid=row["sop_instance_uid"],
        transfer_syntax_uid=row["transfer_syntax_uid"],
        data=place.blob(row),
    )


def is_right(blob: Blob, digest: bytes) -> bool:
    """Whether all its bytes can be read and have this BLAKE3 digest."""
    hasher = data_hasher()
    try:
        for piece in pieces(blob, PIECE):
            hasher.update(piece)
    except OSError:
        return False
    return hasher.digest() == digest


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file in a folder; nothing when it is not there."""
    return {path.name: path.stat().st_size for path in folder.iterdir()} if folder.is_dir() else {}
