"""A segment of the audit log as bytes: a signed beginning, then one frame for each record.

Belongs here: bytes to frames and back. Not here: files (store/audit_log.py), whether the chain is right
(access/audit/chain.py). Source: docs/spec/audit.md section 3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from idas_p2p.errors import WireError
from idas_p2p.wire.audit import MAX_RECORD_BYTES, SegmentHead
from idas_p2p.wire.schema import decode, encode

MAGIC: Final = b"IDASAUD1"  # protocol
CHAIN_SIZE: Final = 32  # bytes; protocol
MAX_HEAD_BYTES: Final = 1_024  # bytes of a segment's beginning; protocol
_LENGTH: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Frame:
    """One record as it lies in a segment. Its body holds patient data."""

    body: bytes
    chain: bytes  # 32 bytes; the state with this record in it
    end: int  # offset in the segment of what comes after it


def segment_start(head: SegmentHead) -> bytes:
    """The first bytes of a segment."""
    body = encode(head)
    return MAGIC + _LENGTH.pack(len(body)) + body


def frame(body: bytes, chain: bytes) -> bytes:
    """A record's bytes in a segment: `length(4, big-endian) ‖ body ‖ chain(32)`."""
    return _LENGTH.pack(len(body)) + body + chain


def read_start(data: bytes) -> tuple[SegmentHead, int]:
    """A segment's beginning, and the offset of its first frame.

    Raises:
        WireError: not the beginning of a segment of this version.
    """
    at = len(MAGIC) + _LENGTH.size
    if data[: len(MAGIC)] != MAGIC or len(data) < at:
        raise WireError("not a segment of an audit log of this version")
    (size,) = _LENGTH.unpack_from(data, len(MAGIC))
    if size > MAX_HEAD_BYTES or len(data) < at + size:
        raise WireError("the beginning of a segment is not whole")
    return decode(SegmentHead, bytes(data[at : at + size]), max_size=MAX_HEAD_BYTES), at + size


def read_frames(data: bytes, offset: int) -> Iterator[Frame]:
    """Yield frames from an offset on, until one is not whole; `end` of the last tells where that is."""
    while len(data) >= offset + _LENGTH.size:
        (size,) = _LENGTH.unpack_from(data, offset)
        body = offset + _LENGTH.size
        end = body + size + CHAIN_SIZE
        if not 0 < size <= MAX_RECORD_BYTES or end > len(data):
            return
        yield Frame(bytes(data[body : body + size]), bytes(data[end - CHAIN_SIZE : end]), end)
        offset = end
