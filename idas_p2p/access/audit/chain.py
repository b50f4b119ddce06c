"""The chain of records: each one's digest goes into the next state, so that none can be changed, left out or moved.

Belongs here: the sum, heads and segment heads signed and checked. Not here: files (store/audit_log.py), peers
(witness.py). Source: docs/spec/audit.md section 2; BLAKE2b, RFC 7693.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from idas_p2p.crypto.keys import SIGNATURE_SIZE, SigningKey, verify
from idas_p2p.errors import BadSignature
from idas_p2p.wire.audit import AuditHead, AuditReceipt, SegmentHead
from idas_p2p.wire.ids import NodeId

DIGEST_SIZE: Final = 32  # bytes; protocol
_RECORD: Final = b"idas audit body"  # personalisation of BLAKE2b, at most 16 bytes; protocol
_CHAIN: Final = b"idas audit chain"  # see above
_START: Final = b"idas audit start"  # see above
_UNSIGNED: Final = bytes(SIGNATURE_SIZE)


@dataclass(frozen=True, slots=True)
class State:
    """How far a log goes: so many records, and their chain (32 bytes)."""

    count: int
    chain: bytes

    def after(self, digest: bytes) -> State:
        """The state with one record more, of this digest."""
        chain = hashlib.blake2b(self.chain + digest, digest_size=DIGEST_SIZE, person=_CHAIN).digest()
        return State(self.count + 1, chain)


def start(node: NodeId) -> State:
    """The state of a node's empty log."""
    return State(0, hashlib.blake2b(node.raw, digest_size=DIGEST_SIZE, person=_START).digest())


def digest_of(body: bytes) -> bytes:
    """The digest of a record's canonical bytes: 32 bytes."""
    return hashlib.blake2b(body, digest_size=DIGEST_SIZE, person=_RECORD).digest()


def sign_head(key: SigningKey, state: State, *, now: float) -> AuditHead:
    """The node's signed word on its log; `now` is Unix seconds."""
    head = AuditHead(node=key.node_id, count=state.count, chain=state.chain, at_ms=_ms(now), signature=_UNSIGNED)
    return replace(head, signature=key.sign(head.signed_bytes()))


def sign_segment(key: SigningKey, before: State, *, now: float) -> SegmentHead:
    """The beginning of a segment after `before`; `now` is Unix seconds."""
    node, at_ms = key.node_id, _ms(now)
    head = SegmentHead(node=node, before=before.count, chain=before.chain, at_ms=at_ms, signature=_UNSIGNED)
    return replace(head, signature=key.sign(head.signed_bytes()))


def sign_receipt(key: SigningKey, head: AuditHead, *, now: float) -> AuditReceipt:
    """Say that a peer's head was seen and follows from what was seen before; `now` is Unix seconds."""
    receipt = AuditReceipt(witness=key.node_id, head=head, at_ms=_ms(now), signature=_UNSIGNED)
    return replace(receipt, signature=key.sign(receipt.signed_bytes()))


def is_signed(value: AuditHead | SegmentHead | AuditReceipt) -> bool:
    """Whether the signature is that of the node it names; of a receipt, whether that of the head in it is as well."""
    signer = value.witness if isinstance(value, AuditReceipt) else value.node
    try:
        verify(signer.raw, value.signed_bytes(), value.signature)
    except BadSignature:
        return False
    return is_signed(value.head) if isinstance(value, AuditReceipt) else True


def _ms(now: float) -> int:
    return int(now * 1_000)
