"""Files of the directory that are always whole: written beside, then renamed. Known contacts are one of them.

Source of the contact file's form: one JSON list of HOST:PORT/ID texts, newest first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from idas_p2p.errors import WireError
from idas_p2p.wire.address import Contact

MAX_KNOWN_CONTACTS = 64  # kept on disk; ours: enough to find the network again
MAX_CONTACT_FILE = 65_536  # bytes; a longer file is not ours


def replace_file(path: Path, pieces: Iterable[bytes]) -> int:
    """Write `pieces` to a new file and put it in the place of `path`; returns its size.

    Raises:
        OSError: the old file is left as it was.
    """
    beside = path.with_name(path.name + ".new")
    size = 0
    with beside.open("wb") as file:
        for piece in pieces:
            size += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return size


def save_contacts(path: Path, contacts: Sequence[Contact]) -> None:
    """Keep contacts for the next start.

    Raises:
        OSError: the old file is left as it was.
    """
    texts = [str(contact) for contact in contacts[:MAX_KNOWN_CONTACTS]]
    replace_file(path, [json.dumps(texts, indent=0).encode()])


def load_contacts(path: Path) -> list[Contact]:
    """What `save_contacts` kept; nothing when the file is missing or damaged."""
    try:
        if path.stat().st_size > MAX_CONTACT_FILE:
            return []
        texts = json.loads(path.read_bytes())
        return [Contact.parse(text) for text in texts[:MAX_KNOWN_CONTACTS]]
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError, WireError):
        return []
