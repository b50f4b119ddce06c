"""Break-glass on a control link: a user of the asking node needs a patient's studies at once, and says why.

Belongs here: the fields. Not here: type bytes (messages.py), who may (access/), what follows (node/emergencies.py).
Source: docs/spec/access.md section 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from idas_p2p.wire.fetching import UserName
from idas_p2p.wire.schema import U64, Limit

MAX_REASON: Final = 512  # characters; protocol
Number = Annotated[int, Limit(0, 2**32 - 1)]
PatientId = Annotated[str, Limit(1, 64)]
Issuer = Annotated[str, Limit(0, 64)]
Reason = Annotated[str, Limit(1, MAX_REASON)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EmergencyWanted:
    """Asks for a patient's studies in an emergency. Never prints itself."""

    number: Number
    user: UserName
    patient_id: PatientId
    issuer: Issuer  # of the id; empty: whoever issued it
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyOpened:
    """The holder has the patient, a rule permits it, and its people have been told."""

    number: Number
    until: U64  # Unix seconds
    studies: U64  # of the patient that can be seen now
