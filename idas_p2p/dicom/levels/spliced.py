"""A data set whose head is new and whose pixels are those of another, not copied.

Belongs here: reading across the seams. Not here: what the parts are (engine.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from idas_p2p.blob import Blob


@dataclass(frozen=True, slots=True)
class Spliced:
    """Bytes, a range of a blob, bytes (blob.Blob).

    Args:
        head: what comes first.
        source: where the middle comes from.
        start: its first byte there.
        length: bytes of it.
        tail: what comes last.
    """

    head: bytes
    source: Blob
    start: int
    length: int
    tail: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.head) + self.length + len(self.tail)

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return up to `length` bytes from `offset`; errors as those of the source."""
        end = self.size if length is None else min(self.size, offset + length)
        behind_head, behind_source = len(self.head), len(self.head) + self.length
        parts = [self.head[offset:end]]
        begin, stop = max(offset, behind_head), min(end, behind_source)
        if begin < stop:
            parts.append(self.source.read(self.start + begin - behind_head, stop - begin))
        if end > behind_source:
            parts.append(self.tail[max(0, offset - behind_source) : end - behind_source])
        return b"".join(parts)
