"""What two nodes tell one another about their audit logs on a control link.

Belongs here: the fields. Not here: type bytes (messages.py), what is made of them (access/audit/witness.py). No message
holds anything of a record but a digest of it with its nonce. Source: docs/spec/audit.md section 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from idas_p2p.wire.audit import AuditHead, AuditReceipt
from idas_p2p.wire.schema import U64, Limit

MAX_DIGESTS: Final = 16_384  # records told of in one step; protocol: half a MiB
DIGEST_SIZE: Final = 32  # bytes; protocol
Number = Annotated[int, Limit(0, 2**32 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditGrowth:
    """How a log came from a state that the peer knows to the one its node signs: the digest of each record between."""

    since: U64  # records that the peer knows of; the head's count where how it grew is not shown
    digests: Annotated[bytes, Limit(0, DIGEST_SIZE * MAX_DIGESTS)]
    head: AuditHead


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWanted:
    """Asks how the other node's log has grown since the head of it that the asker knows; 0 for none."""

    number: Number
    known: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditGrown:
    """Answers AuditWanted, and asks for the same: `known` is of the asker's log."""

    number: Number
    known: U64
    growth: AuditGrowth


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSeen:
    """The asker's receipt for that, or none where it does not follow from what it knew; and how its log has grown."""

    number: Number
    receipt: AuditReceipt | None
    growth: AuditGrowth


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReceived:
    """Answers AuditSeen: the receipt for the asker's log, or none."""

    number: Number
    receipt: AuditReceipt | None
