"""Extended negotiation of Query/Retrieve: what a requestor wants beyond plain queries, and what of it this node does.

Belongs here: the bytes of the Service-class-application-information. Pure. Not here: what an option changes
(combined.py, fuzzy.py, find_service.py). Source: PS3.4 C.5.1.1.1 (C-FIND), C.5.2.1.1 and C.5.3.1.1 (C-MOVE, C-GET).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from idas_p2p.dicom.contexts import FIND, GET, MOVE

_FIND: Final = bytes((1, 1, 1, 0, 0))
"""Relational queries, combined date and time, fuzzy names: yes; time zones, enhanced multi-frame conversion: no."""
_RETRIEVE: Final = bytes((1, 0))
"""Relational retrieval: yes; enhanced multi-frame conversion: no."""


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """What was agreed for the C-FIND of an association."""

    relational: bool = False
    combined_times: bool = False  # a range of dates and one of times are one range, PS3.4 C.2.2.2.5.1
    fuzzy_names: bool = False


def agreed(offered: Mapping[str, bytes]) -> dict[str, bytes]:
    """The answer to each offer that means something here: by SOP class, as long, a one where both agree."""
    answers = {}
    for uid, wanted in offered.items():
        able = _FIND if uid in FIND else _RETRIEVE if uid in MOVE | GET else b""
        if able and wanted:
            answers[uid] = bytes(int(a == 1 and b == 1) for a, b in zip(wanted, able, strict=False))
    return answers


def options_of(answer: bytes) -> QueryOptions:
    """What an answer for a C-FIND agrees to; nothing where it is empty."""
    flags = [value == 1 for value in answer[:3].ljust(3, b"\0")]
    return QueryOptions(*flags)
