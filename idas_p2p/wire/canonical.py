"""Canonical msgpack: one encoding for each value, and nothing that decodes differs from it.

Belongs here: bytes to plain values (None, bool, int, bytes, str, list) and back. Not here: what they mean (schema.py).
Source: msgpack specification, 2017; canonical form: docs/spec/wire.md section 1.
"""

from __future__ import annotations

from typing import Any

import msgpack

from idas_p2p.errors import FrameTooLarge, WireError

MAX_DEPTH = 8  # nested lists; protocol: docs/spec/wire.md section 1
MAX_ITEMS = 65_536  # in one list; protocol: docs/spec/wire.md section 1


def pack(value: object) -> bytes:
    """Encode a plain value. Tuples become lists; floats, maps and other types are a TypeError."""
    _check(value, MAX_DEPTH)
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def unpack(data: bytes, *, max_size: int) -> Any:
    """Decode bytes into a plain value.

    Args:
        data: exactly one encoded value.
        max_size: bytes; more than this is refused unread.

    Raises:
        FrameTooLarge: over `max_size`.
        WireError: not canonical msgpack, too deep, or bytes left over.
    """
    if len(data) > max_size:
        raise FrameTooLarge(f"{len(data)} bytes, {max_size} allowed")
    try:
        value = msgpack.unpackb(
            data, raw=False, use_list=True, max_array_len=MAX_ITEMS, max_map_len=0, max_ext_len=0, max_str_len=len(data)
        )
        _check(value, MAX_DEPTH)
        again = msgpack.packb(value, use_bin_type=True)
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise WireError(f"not a canonical message: {type(error).__name__}") from None
    if again != data:
        raise WireError("not a canonical message: another encoding of the same value exists")
    return value


def _check(value: object, depth: int) -> None:
    if value is None or isinstance(value, bool | bytes | str):
        return
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise ValueError("integer out of range")
        return
    if isinstance(value, list | tuple) and depth > 0:
        for item in value:
            if type(item) is not bytes:  # most are, and need no more of a look
                _check(item, depth - 1)
        return
    raise TypeError(f"{type(value).__name__} has no canonical form here")
