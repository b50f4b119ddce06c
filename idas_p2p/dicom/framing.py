"""Messages as P-DATA-TF PDUs: cut into fragments that fit the peer, joined into few writes.

Belongs here: pure encoding. Not here: sockets (link.py), reading PDUs (reactor.py).
Source: PS3.8 section 9.3.5 and Annex E; PS3.7 section 6.3.1 and 9.3.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from idas_p2p import limits
from idas_p2p.blob import Blob, pieces

COMMAND: Final = 0x01  # bits of the message control header, PS3.8 E.2
LAST: Final = 0x02
NO_DATA_SET: Final = 0x0101  # Command Data Set Type, PS3.7 E.1
WRITE_SIZE: Final = 524_288  # bytes joined into one write; ours
SMALLEST_PDU: Final = 128  # bytes; a peer that announces less cannot be served; ours

_HEADER: Final = struct.Struct(">BxIIBB")  # type, length, item length, context ID, message control header
_P_DATA_TF: Final = 0x04
_OVERHEAD: Final = 6  # bytes of the PDV item header that count towards the maximum length


def fragment_size(maximum_length: int | None) -> int:
    """The most bytes of a message one PDV may carry, given the peer's Maximum Length Received (0: no limit)."""
    if not maximum_length:
        return limits.MAX_PDU_SIZE - _OVERHEAD
    return min(max(maximum_length, SMALLEST_PDU), limits.MAX_SENT_PDU_SIZE) - _OVERHEAD


def message_writes(context_id: int, command: bytes, data: Blob | None, *, fragment: int) -> Iterator[bytes]:
    """Yield what to write to the socket for one message, never more than about WRITE_SIZE at a time.

    Args:
        context_id: presentation context ID.
        command: the encoded command set.
        data: the encoded data set, if the message has one.
        fragment: most bytes of a message in one PDV.
    """
    parts = list(_pdus(context_id, COMMAND, [command], len(command), fragment=fragment))
    if data is None or data.size == 0:
        yield b"".join(parts)
        return
    held = 0
    whole = max(1, WRITE_SIZE // fragment) * fragment
    for part in _pdus(context_id, 0, pieces(data, whole), data.size, fragment=fragment):
        parts.append(part)
        held += len(part)
        if held >= WRITE_SIZE:
            yield b"".join(parts)
            parts.clear()
            held = 0
    if parts:
        yield b"".join(parts)


def _pdus(
    context_id: int, kind: int, chunks: Iterable[bytes], size: int, *, fragment: int
) -> Iterator[bytes | memoryview]:
    """Yield header and fragment in turn; every chunk but the last is a whole number of fragments."""
    left = size
    for chunk in chunks:
        view = memoryview(chunk)
        for start in range(0, len(view), fragment):
            part = view[start : start + fragment]
            left -= len(part)
            control = kind | (LAST if left == 0 else 0)
            yield _HEADER.pack(_P_DATA_TF, len(part) + _OVERHEAD, len(part) + 2, context_id, control)
            yield part


def fragments(body: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Read the PDVs of a P-DATA-TF PDU without its first six bytes.

    Yields:
        Presentation context ID, message control header, bytes of the message.

    Raises:
        ValueError: not such a PDU.
    """
    offset = 0
    while offset < len(body):
        if len(body) - offset < 6:
            raise ValueError("truncated PDV")
        size = int.from_bytes(body[offset : offset + 4], "big")
        end = offset + 4 + size
        if size < 2 or end > len(body):
            raise ValueError("PDV length")
        yield body[offset + 4], body[offset + 5], body[offset + 6 : end]
        offset = end


def store_command(
    *, sop_class_uid: str, sop_instance_uid: str, message_id: int, originator: tuple[str, int] | None
) -> bytes:
    """The command set of a C-STORE-RQ, PS3.7 Table 9.3-1.

    Args:
        sop_class_uid: Affected SOP Class UID.
        sop_instance_uid: Affected SOP Instance UID.
        message_id: 0 to 65535.
        originator: AE title and message ID of the C-MOVE this belongs to, if any.
    """
    elements = [
        _element(0x0002, _uid(sop_class_uid)),
        _element(0x0100, struct.pack("<H", 0x0001)),
        _element(0x0110, struct.pack("<H", message_id)),
        _element(0x0700, struct.pack("<H", 0x0000)),
        _element(0x0800, struct.pack("<H", 0x0001)),
        _element(0x1000, _uid(sop_instance_uid)),
    ]
    if originator is not None:
        title = originator[0].encode("ascii", "replace")
        elements.append(_element(0x1030, title + b" " * (len(title) % 2)))
        elements.append(_element(0x1031, struct.pack("<H", originator[1])))
    return _command(*elements)


def store_answer(*, sop_class_uid: str, sop_instance_uid: str, message_id: int, status: int) -> bytes:
    """The command set of a C-STORE-RSP without remarks, PS3.7 Table 9.3-2.

    Args:
        sop_class_uid: Affected SOP Class UID of the request.
        sop_instance_uid: Affected SOP Instance UID of the request.
        message_id: that of the request.
        status: PS3.7 Annex C.
    """
    return _command(
        _element(0x0002, _uid(sop_class_uid)),
        _element(0x0100, struct.pack("<H", 0x8001)),
        _element(0x0120, struct.pack("<H", message_id)),
        _element(0x0800, struct.pack("<H", NO_DATA_SET)),
        _element(0x0900, struct.pack("<H", status)),
        _element(0x1000, _uid(sop_instance_uid)),
    )


def _command(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return _element(0x0000, struct.pack("<I", len(body))) + body


def _element(element: int, value: bytes) -> bytes:
    """One element of group 0000 in implicit VR little endian."""
    return struct.pack("<HHI", 0x0000, element, len(value)) + value


def _uid(uid: str) -> bytes:
    raw = uid.encode("ascii", "replace")
    return raw + b"\0" * (len(raw) % 2)
