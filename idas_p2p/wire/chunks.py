"""The bytes of a Chunk, put together and taken apart without copying what it carries more often than needed.

Law: what is written is the canonical form of a record of fields, and nothing is read here that differs from it: such
bytes are left to the general decoder, which refuses them. Nearly all bytes of a transfer pass through here.
Belongs here: that form. Not here: what a chunk means (exchange/coding.py). Source: docs/spec/wire.md sections 1 and 2.
"""

from __future__ import annotations

import struct
from typing import Final

from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.fetching import AS_IT_IS, PREFIX_SIZE, Chunk

_FIELDS: Final = b"\x94"  # msgpack: a list of four
_DIGEST: Final = bytes((0xC4, PREFIX_SIZE))  # msgpack: so many bytes follow
_LEAST: Final = 24  # bytes of a message with an empty chunk
_ONE, _TWO, _FOUR = struct.Struct(">B"), struct.Struct(">H"), struct.Struct(">L")
_NUMBERS: Final = {0xCC: (_ONE, 0x7F), 0xCD: (_TWO, 0xFF), 0xCE: (_FOUR, 0xFFFF)}
_SIZES: Final = {0xC4: (_ONE, -1), 0xC5: (_TWO, 0xFF), 0xC6: (_FOUR, 0xFFFF)}
"""By msgpack's mark: how the number behind it stands there, and the largest one that has a shorter form."""


def chunk_message(kind: bytes, chunk: Chunk) -> bytes:
    """The message of a chunk that keeps the limits of its fields; `kind` is its type byte."""
    size = len(chunk.data)
    mark = 0xC4 if size <= 0xFF else 0xC5 if size <= 0xFFFF else 0xC6
    before = (kind, _FIELDS, pack(chunk.coding), pack(chunk.size), bytes((mark,)), _SIZES[mark][0].pack(size))
    return b"".join((*before, chunk.data, _DIGEST, chunk.digest))


def read_chunk(message: bytes) -> Chunk | None:
    """The chunk of a message that begins with its type byte; None when it must be looked at more closely.

    Data that are as they are stay where they are in the message.
    """
    if len(message) < _LEAST or message[1:2] != _FIELDS or message[2] > 0x7F:
        return None
    coding = message[2]
    size, offset = (message[3], 4) if message[3] <= 0x7F else _number(message, 3, _NUMBERS)
    length, offset = _number(message, offset, _SIZES)
    end = offset + length
    if length < 0 or not 0 <= size <= MAX_MESSAGE_SIZE or len(message) != end + len(_DIGEST) + PREFIX_SIZE:
        return None
    if message[end : end + len(_DIGEST)] != _DIGEST:
        return None
    data = memoryview(message)[offset:end] if coding == AS_IT_IS else message[offset:end]
    return Chunk(coding=coding, size=size, data=data, digest=message[-PREFIX_SIZE:])


def _number(message: bytes, offset: int, forms: dict[int, tuple[struct.Struct, int]]) -> tuple[int, int]:
    """A number and where it ends; -1 when it is none of these, or in a form longer than needed."""
    form, most = forms.get(message[offset], (None, 0))
    if form is None:
        return -1, offset
    (number,) = form.unpack_from(message, offset + 1)
    return (number if number > most else -1), offset + 1 + form.size
