"""What a node makes of a peer's log: whether it has only grown since the head it saw last.

Law: a head is believed with its signature alone when nothing was known before; after that only with the digest of every
record between. A log that does not follow is doubted by name, and both heads are kept: they are signed, so the peer
cannot deny them. Belongs here: that decision. Not here: messages (exchange/logs.py), files (store/audit_peers.py).
Source: docs/spec/audit.md section 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

from idas_p2p.access.audit.chain import State, is_signed
from idas_p2p.errors import WireError
from idas_p2p.wire.audit import AuditHead, AuditReceipt
from idas_p2p.wire.audit_messages import DIGEST_SIZE, AuditGrowth
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import U64, Limit


class Doubt(StrEnum):
    """Why a peer's log is not the one that was seen before; docs/spec/audit.md section 5."""

    CUT = "cut"  # it has fewer records than before
    REWRITTEN = "rewritten"  # what was seen is not at its beginning
    UNPROVED = "unproved"  # how it grew is not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLog:
    """What is known of one peer's log, and what it has signed of ours."""

    theirs: AuditHead | None = None  # the last head of its log that was seen
    receipt: AuditReceipt | None = None  # the last that it gave for ours
    doubts: U64 = 0  # how often its log was not the one it had signed
    doubt: Annotated[str, Limit(0, 16)] = ""  # the last of them
    before: AuditHead | None = None  # the head it did not follow from
    after: AuditHead | None = None  # the head it was

    def seen(self, growth: AuditGrowth, peer: NodeId) -> tuple[PeerLog, Doubt | None]:
        """Take what a peer says of its log; return what is known then, and why it is doubted.

        Raises:
            WireError: it is not the peer's own word, or does not add up.
        """
        head = growth.head
        if head.node != peer or not is_signed(head):
            raise WireError("a head of an audit log is not signed by the peer")
        _check_sum(growth)
        doubt = _doubt(self.theirs, growth) if self.theirs and self.theirs.count else None
        if doubt is None:
            return replace(self, theirs=head), None
        doubted = replace(self, theirs=head, doubts=self.doubts + 1, doubt=str(doubt))
        return replace(doubted, before=self.theirs, after=head), doubt

    def took(self, receipt: AuditReceipt, peer: NodeId, ours: NodeId) -> PeerLog:
        """Take a receipt for our log.

        Raises:
            WireError: it is not the peer's, or of another log than ours.
        """
        if receipt.witness != peer or receipt.head.node != ours or not is_signed(receipt):
            raise WireError("a receipt for an audit log is not signed by the peer")
        return replace(self, receipt=receipt)


def _check_sum(growth: AuditGrowth) -> None:
    shown = len(growth.digests) // DIGEST_SIZE
    if len(growth.digests) % DIGEST_SIZE or growth.since + shown != growth.head.count:
        raise WireError("the growth of an audit log does not add up")


def _doubt(known: AuditHead, growth: AuditGrowth) -> Doubt | None:
    if growth.head.count < known.count:
        return Doubt.CUT
    if growth.since != known.count:
        return Doubt.UNPROVED
    state = State(known.count, known.chain)
    for at in range(0, len(growth.digests), DIGEST_SIZE):
        state = state.after(growth.digests[at : at + DIGEST_SIZE])
    return None if state.chain == growth.head.chain else Doubt.REWRITTEN
