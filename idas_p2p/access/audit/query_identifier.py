"""A query as the DICOM data set that audit messages carry: the study-level keys, explicit VR little endian.

Belongs here: encoding those keys, and none else. Not here: DICOM in general (dicom/), which this room does not know.
Source: PS3.15 A.5.3.10 (ParticipantObjectQuery), PS3.5 section 7.1.2, PS3.6.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from idas_p2p.wire.query import QueryKey

TRANSFER_SYNTAX: Final = "1.2.840.10008.1.2.1"
MAX_VALUE: Final = 65_534  # bytes; the largest even length that two bytes tell
_ELEMENTS: Final = {
    "StudyDate": (0x0008, 0x0020, b"DA"),
    "StudyTime": (0x0008, 0x0030, b"TM"),
    "AccessionNumber": (0x0008, 0x0050, b"SH"),
    "ModalitiesInStudy": (0x0008, 0x0061, b"CS"),
    "ReferringPhysicianName": (0x0008, 0x0090, b"PN"),
    "StudyDescription": (0x0008, 0x1030, b"LO"),
    "PatientName": (0x0010, 0x0010, b"PN"),
    "PatientID": (0x0010, 0x0020, b"LO"),
    "IssuerOfPatientID": (0x0010, 0x0021, b"LO"),
    "PatientBirthDate": (0x0010, 0x0030, b"DA"),
    "PatientSex": (0x0010, 0x0040, b"CS"),
    "StudyInstanceUID": (0x0020, 0x000D, b"UI"),
    "StudyID": (0x0020, 0x0010, b"SH"),
    "NumberOfStudyRelatedSeries": (0x0020, 0x1206, b"IS"),
    "NumberOfStudyRelatedInstances": (0x0020, 0x1208, b"IS"),
}


def identifier_of(keys: Sequence[QueryKey]) -> bytes:
    """The keys of a study-level query as a data set; a key that is none of the study level is left out."""
    elements = {_ELEMENTS[key.keyword]: key.pattern for key in keys if key.keyword in _ELEMENTS}
    elements[(0x0008, 0x0005, b"CS")] = "ISO_IR 192"
    elements[(0x0008, 0x0052, b"CS")] = "STUDY"
    return b"".join(_element(*tag, text) for tag, text in sorted(elements.items()))


def _element(group: int, element: int, vr: bytes, text: str) -> bytes:
    value = text.encode("utf-8", "replace")[:MAX_VALUE]
    if len(value) % 2:
        value += b"\0" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", group, element, vr, len(value)) + value
