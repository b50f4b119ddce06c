"""What peers signed of our audit log and we saw of theirs: one small file for each, beside the log.

In files and not in the database, so that the log's folder can be verified by itself, wherever it is copied to. Belongs
here: the files. Not here: what is in them (access/audit/witness.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from idas_p2p.errors import WireError
from idas_p2p.store.files import PART, disk_errors, make_folder, sync_folder
from idas_p2p.wire.ids import NodeId

FOLDER: Final = "peers"  # in the log's folder
OWN: Final = "own"  # what this node itself signed last
MAX_FILE_SIZE: Final = 16_384  # bytes; ours


class PeerFiles:
    """The files of one log.

    Args:
        folder: of the log.

    Raises:
        SpoolFull, StorageRefused: in every method.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def read(self, name: NodeId | str) -> bytes | None:
        """What was written last; None when nothing was."""
        with disk_errors(), suppress(FileNotFoundError), (self._folder / str(name)).open("rb") as file:
            return file.read(MAX_FILE_SIZE)
        return None

    def write(self, name: NodeId | str, data: bytes) -> None:
        """Put `data` in the place of what was there; the disk has it when this returns."""
        path = self._folder / str(name)
        part = path.with_name(path.name + PART)
        with disk_errors():
            make_folder(self._folder)
            file = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "wb") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(opened.fileno())
            part.rename(path)
            sync_folder(self._folder)

    def all(self) -> Iterator[tuple[NodeId, bytes]]:
        """Every peer's file."""
        with disk_errors():
            names = sorted(path.name for path in self._folder.iterdir()) if self._folder.is_dir() else []
        for name in names:
            with suppress(WireError):
                node = NodeId.parse(name)
                yield node, self.read(node) or b""
