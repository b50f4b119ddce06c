"""Contacts kept for the next start, in a file that is always whole: written beside, then renamed.

One JSON list of HOST:PORT/ID texts, newest first. Not here: held records (journal.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from idas_p2p.errors import WireError
from idas_p2p.wire.address import Contact

MAX_KNOWN_CONTACTS = 64  # kept on disk; ours: enough to find the network again
MAX_CONTACT_FILE = 65_536  # bytes; a longer file is not ours


def save_contacts(path: Path, contacts: Sequence[Contact]) -> None:
    """Keep contacts for the next start; a power cut may lose them, for this does not wait for the disk.

    Raises:
        OSError: the old file is left as it was.
    """
    texts = [str(contact) for contact in contacts[:MAX_KNOWN_CONTACTS]]
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(texts, indent=0), encoding="ascii")
    beside.replace(path)


def load_contacts(path: Path) -> list[Contact]:
    """What `save_contacts` kept; nothing when the file is missing or damaged."""
    try:
        if path.stat().st_size > MAX_CONTACT_FILE:
            return []
        texts = json.loads(path.read_bytes())
        return [Contact.parse(text) for text in texts[:MAX_KNOWN_CONTACTS]]
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError, WireError):
        return []
