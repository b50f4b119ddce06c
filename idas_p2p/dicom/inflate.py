"""The first bytes of a deflated data set, inflated as far as they are asked for and never without bound.

Belongs here: bounded inflation. Not here: what the bytes mean (scan.py). Source: PS3.5 section A.5, RFC 1951.
"""

from __future__ import annotations

import zlib
from typing import Final

from idas_p2p.blob import Blob
from idas_p2p.errors import MalformedInstance

MAX_INFLATED_SIZE: Final = 16_777_216  # bytes of header; ours: a deflated kilobyte can claim a megabyte
PIECE: Final = 16_384  # bytes read or inflated at once


class InflatedHead:
    """Inflated bytes by offset.

    Args:
        blob: a raw DEFLATE stream, without zlib or gzip header.
    """

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self._read = 0  # bytes of the blob taken
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._bytes = bytearray()

    def at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end.

        Raises:
            MalformedInstance: not a DEFLATE stream, or over MAX_INFLATED_SIZE.
        """
        self.reaches(offset + length)
        return bytes(self._bytes[offset : offset + length])

    def reaches(self, offset: int) -> bool:
        """Whether at least `offset` bytes exist.

        Raises:
            MalformedInstance: not a DEFLATE stream, or over MAX_INFLATED_SIZE.
        """
        if offset > MAX_INFLATED_SIZE:
            raise MalformedInstance("the header of a deflated data set is too large")
        while len(self._bytes) < offset and self._inflate():
            pass
        return len(self._bytes) >= offset

    def near(self, offset: int) -> tuple[bytes, int]:
        """None: the walk over an inflated header looks at each element, since it ends before the last."""
        return b"", 0

    def _inflate(self) -> bool:
        """Inflate one more piece; False at the end."""
        waiting = self._inflater.unconsumed_tail
        if not waiting:
            waiting = self._blob.read(self._read, PIECE)
            self._read += len(waiting)
        if self._inflater.eof or not waiting:
            return False
        try:
            self._bytes += self._inflater.decompress(waiting, PIECE)
        except zlib.error:
            raise MalformedInstance("not a deflated data set") from None
        return True
