"""DICOM files: preamble, file meta information, and the data set left exactly as it is.

Belongs here: the frame around a data set. Not here: what the data set says (scan.py), where files are kept (store).
Source: PS3.10 section 7.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from idas_p2p.blob import FileBlob, pieces
from idas_p2p.dicom.scan import InstanceHeader, header_of
from idas_p2p.dicom.sockets import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from idas_p2p.errors import MalformedInstance
from idas_p2p.wire.instance import Instance

PREAMBLE_SIZE: Final = 128  # bytes; PS3.10 section 7.1
MAX_META_SIZE: Final = 65_536  # bytes; ours: a real one has about 200
WRITE_SIZE: Final = 1_048_576  # bytes written at once

_PREFIX: Final = b"DICM"
HEAD_SIZE: Final = PREAMBLE_SIZE + len(_PREFIX) + MAX_META_SIZE  # bytes before which a data set begins
_SOP_INSTANCE: Final = 0x0003  # element of group 0002
_TRANSFER_SYNTAX: Final = 0x0010
_LONG_VRS: Final = frozenset({b"OB", b"OW", b"UN", b"UT", b"SQ"})  # of those that can stand in group 0002


@dataclass(frozen=True, slots=True, repr=False)
class Meta:
    """What the file meta information says, and how many bytes precede the data set; never prints itself."""

    transfer_syntax_uid: str
    sop_instance_uid: str  # empty when it names none
    size: int

    def __repr__(self) -> str:
        return "Meta(…)"


def read_part10(path: Path) -> Instance:
    """Read a DICOM file; the instance's data is a range of the file.

    Raises:
        MalformedInstance: not a DICOM file, or no instance in it (a DICOMDIR, say).
        OSError: the file cannot be read.
    """
    return scan_part10(path)[0]


def scan_part10(path: Path) -> tuple[Instance, InstanceHeader]:
    """As `read_part10`, with the header beside the instance."""
    with path.open("rb") as file:
        head = file.read(HEAD_SIZE)
        size = file.seek(0, 2)
    meta = read_meta(head)
    data = FileBlob(path, meta.size, size - meta.size)
    header = header_of(data, meta.transfer_syntax_uid)
    return header.instance(data, meta.transfer_syntax_uid), header


def read_meta(head: bytes) -> Meta:
    """Read what stands before the data set.

    Args:
        head: the first HEAD_SIZE bytes of a DICOM file, or all of a shorter one.

    Raises:
        MalformedInstance: not a DICOM file.
    """
    if head[PREAMBLE_SIZE : PREAMBLE_SIZE + len(_PREFIX)] != _PREFIX:
        raise MalformedInstance("not a DICOM file")
    offset, values = PREAMBLE_SIZE + len(_PREFIX), {_TRANSFER_SYNTAX: "", _SOP_INSTANCE: ""}
    while head[offset : offset + 2] == b"\x02\x00":  # group 0002 is explicit VR little endian
        element = head[offset : offset + 12]
        if len(element) < 12:
            break
        is_long = element[4:6] in _LONG_VRS
        (length,) = struct.unpack_from("<L", element, 8) if is_long else struct.unpack_from("<H", element, 6)
        offset += 12 if is_long else 8
        number = struct.unpack_from("<H", element, 2)[0]
        if number in values:
            values[number] = head[offset : offset + min(length, 64)].decode("ascii", errors="replace").strip(" \0")
        offset += length
    if not values[_TRANSFER_SYNTAX] or offset > len(head):
        raise MalformedInstance("the file meta information is incomplete")
    return Meta(values[_TRANSFER_SYNTAX], values[_SOP_INSTANCE], offset)


def write_part10(instance: Instance, file: BinaryIO) -> None:
    """Write an instance as a DICOM file: its data set byte for byte after a new preamble and meta information.

    Raises:
        OSError: the file cannot be written, or the instance's data not read.
    """
    file.write(bytes(PREAMBLE_SIZE) + _PREFIX + _meta(instance))
    for piece in pieces(instance.data, WRITE_SIZE):
        file.write(piece)


def _meta(instance: Instance) -> bytes:
    """File meta information with its group length, PS3.10 Table 7.1-1."""
    elements = struct.pack("<HH2sHL2s", 2, 1, b"OB", 0, 2, b"\x00\x01") + b"".join(
        _short(number, vr, value)
        for number, vr, value in (
            (0x0002, b"UI", instance.sop_class_uid),
            (_SOP_INSTANCE, b"UI", instance.sop_instance_uid),
            (_TRANSFER_SYNTAX, b"UI", instance.transfer_syntax_uid),
            (0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            (0x0013, b"SH", IMPLEMENTATION_VERSION),
        )
    )
    return struct.pack("<HH2sHL", 2, 0, b"UL", 4, len(elements)) + elements


def _short(number: int, vr: bytes, value: str) -> bytes:
    raw = value.encode("ascii", errors="replace")
    if len(raw) % 2:
        raw += b"\0" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", 2, number, vr, len(raw)) + raw
