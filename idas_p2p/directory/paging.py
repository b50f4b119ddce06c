"""How the rest of a holder's records of one key is asked for after a page of them: several stretches at once.

Slots lie in order of their writer keys, which nobody can choose the place of, so a page tells how dense they are. A key
with fifty slots would else cost twenty-five round trips, one after the other.

Belongs here: where the stretches begin. Pure. Not here: asking (crawling.py). Source: docs/spec/directory.md 9.2.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

KEY_SIZE: Final = 32  # bytes of a writer key
END: Final = b"\xff" * KEY_SIZE
MAX_STRETCHES: Final = 16  # asked for at once after one page; ours: what a holder answers without a pause


def stretches(after: bytes, last: bytes, end: bytes) -> list[tuple[bytes, bytes]]:
    """The rest in stretches that hold about as many records as the page before: (after, up to).

    Args:
        after: the writer key after which the page began; empty for the first.
        last: the writer key of its last record, beyond `after`.
        end: the writer key at which the rest ends.
    """
    begun, reached, final = (int.from_bytes(key.ljust(KEY_SIZE, b"\0")) for key in (after, last, end))
    pages = (final - reached) // max(1, reached - begun) + 1
    size = min(MAX_STRETCHES, max(1, pages))
    cuts = [reached + (final - reached) * place // size for place in range(size)] + [final]
    keys = [cut.to_bytes(KEY_SIZE) for cut in cuts]
    return list(pairwise(keys))
