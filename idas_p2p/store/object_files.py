"""The embedded archive's files: where they lie, and which may go.

While a file's fate depends on its row, because it is new or was replaced, an empty file beside it ending in
`.undecided` says so: at start such a file goes if no row names it. Any other file stays whatever the database says, so
that a lost or older database deletes no image.

Belongs here: paths, marks, cleaning. Not here: rows (objects.py), writing a file (files.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idas_p2p.store.files import PART, disk_errors, make_folder, sync_folder

UNDECIDED: Final = ".undecided"  # ends the name of the mark that lets a file go when no row names it
SHARDS: Final = tuple(f"{number:02x}" for number in range(256))  # folders: the first two digits of a file's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """What a start found: numbers of files."""

    removed: int = 0  # never reported stored, or replaced
    unknown: int = 0  # without row and mark; kept
    missing: int = 0  # named by a row and not there


class ObjectFiles:
    """The files in a folder.

    Args:
        root: the folder; made when missing.

    Raises:
        StorageRefused: the folder cannot be used; here and in every method.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        with disk_errors():
            for shard in SHARDS:
                make_folder(root / shard)
            sync_folder(root)

    def path(self, name: str) -> Path:
        """Where the file of a name, of hexadecimal digits, lies."""
        return self._root / name[:2] / name

    def mark(self, name: str) -> None:
        """Let a file go at the next start when no row names it then."""
        with disk_errors():
            os.close(os.open(self._mark_of(name), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))

    def unmark(self, name: str) -> None:
        """Let a file stay whatever happens."""
        with disk_errors():
            self._mark_of(name).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Remove a file, and its mark after it."""
        with disk_errors():
            self.path(name).unlink(missing_ok=True)
            self._mark_of(name).unlink(missing_ok=True)

    def is_whole(self, name: str, size: int) -> bool:
        """Whether a file is there and has that many bytes."""
        path = self.path(name)
        return path.is_file() and path.stat().st_size == size

    def clean(self, names_in: Callable[[str], set[str]]) -> Cleaning:
        """Remove what may go.

        Args:
            names_in: the names in use that start with two given digits.
        """
        removed = unknown = missing = 0
        for shard in SHARDS:
            named = names_in(shard)
            with disk_errors():
                present = {path.name for path in (self._root / shard).iterdir()}
                marks = {name for name in present if name.endswith(UNDECIDED)}
                parts = {name for name in present if name.endswith(PART)}
                undecided = {name.removesuffix(UNDECIDED) for name in marks}
                gone = (undecided - named) & present | parts
                for name in [*gone, *marks]:  # the mark last
                    (self._root / shard / name).unlink()
            whole = present - marks - gone
            removed += len(gone)
            unknown += len(whole - named)
            missing += len(named - whole)
        return Cleaning(removed=removed, unknown=unknown, missing=missing)

    def _mark_of(self, name: str) -> Path:
        return self.path(name + UNDECIDED)
