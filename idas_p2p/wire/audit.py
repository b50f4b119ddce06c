"""Records of the audit log, and what two nodes tell one another about their logs; docs/spec/audit.md.

Belongs here: their fields. Not here: the chain (access/audit/chain.py), who makes them (access/audit/events.py).
A record holds patient data: it is for the audit log and the collector that the operator chose, and for nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final

from idas_p2p.wire.canonical import pack
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.query import QueryKey
from idas_p2p.wire.schema import U64, Bytes32, Bytes64, Limit, exactly

AUDIT_VERSION: Final = 1  # of records and segments; protocol
NONCE_SIZE: Final = 16  # bytes; protocol
MAX_SUBJECTS: Final = 64  # in one record; protocol
MAX_TEXT: Final = 1_024  # characters; protocol
MAX_NAME: Final = 64  # characters; protocol
MAX_RECORD_BYTES: Final = 4_194_304  # bytes of one record; protocol: 32 keys of 16,384 characters of any kind fit in
HEAD_CONTEXT: Final = b"idas audit head 1"  # domain separation of signatures; protocol
SEGMENT_CONTEXT: Final = b"idas audit segment 1"  # see above
RECEIPT_CONTEXT: Final = b"idas audit receipt 1"  # see above

Name = Annotated[str, Limit(0, MAX_NAME)]
Text = Annotated[str, Limit(0, MAX_TEXT)]


class Kind(IntEnum):
    """What happened; each is one message of PS3.15 A.5.3."""

    APPLICATION = 1  # the node started or stopped: Application Activity
    LOG_USED = 2  # somebody read this log, or part of it was let go: Audit Log Used
    BEGIN_TRANSFER = 3  # Begin Transferring DICOM Instances
    TRANSFERRED = 4  # DICOM Instances Transferred
    QUERY = 5  # Query
    SHOWN = 6  # what a query showed of patients: Patient Record
    SIGN_IN = 7  # User Authentication
    ALERT = 8  # Security Alert


class Outcome(IntEnum):
    """How it ended; RFC 3881 section 5.1.4."""

    SUCCESS = 0
    MINOR_FAILURE = 4  # not done: refused, broken off, or in part
    SERIOUS_FAILURE = 8  # somebody tried what nobody may
    MAJOR_FAILURE = 12  # the log or the node itself cannot be relied on


class Side(IntEnum):
    """Whose images it is about, seen from the node that keeps the log."""

    NONE = 0  # no images
    HOLDER = 1  # ours, asked for by another node
    REQUESTER = 2  # others', or our own, asked for by a user of ours


class By(IntEnum):
    """How it is known who the user is."""

    NOTHING = 0  # nobody is named
    PASSWORD = 1
    SESSION = 2  # signed in for a time from a workstation
    TITLE = 3  # weak: by the AE title and address of the device alone
    NODE = 4  # the node at the other end vouches for it
    OPERATOR = 5  # whoever may open this node's folder
    PASS = 6  # somebody of no federation shows a pass; the user is `pass:` and its label


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Subject:
    """A study, a patient, or both. Never prints itself."""

    study_uid: Name = ""
    patient_id: Text = ""
    issuer: Text = ""

    def __repr__(self) -> str:
        return "Subject(…)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Event:
    """What happened, to whom, by whom. Never prints itself."""

    kind: Annotated[int, Limit(1, max(Kind))]
    code: Annotated[int, Limit(0, 999_999)] = 0  # event type code of PS3.16 CID 401; 0 for none
    outcome: Annotated[int, Limit(0, 12)] = Outcome.SUCCESS
    reason: Name = ""  # a code of errors.py or the name of a refusal
    side: Annotated[int, Limit(0, max(Side))] = Side.NONE
    user: Annotated[str, Limit(0, 256)] = ""
    by: Annotated[int, Limit(0, max(By))] = By.NOTHING
    aet: Annotated[str, Limit(0, 16)] = ""  # of the device on the local network
    address: Name = ""  # of that device, or of the other node
    node: Annotated[bytes, Limit(0, 32)] = b""  # NodeId of the other node; empty: none
    institution: Name = ""  # of the other node, or of several, joined by commas
    level: Name = ""  # at which images or their names were given
    subjects: Annotated[tuple[Subject, ...], Limit(0, MAX_SUBJECTS)] = ()
    keys: Annotated[tuple[QueryKey, ...], Limit(0, 32)] = ()  # of a query
    transfer: U64 = 0  # joins the beginning and the end of a transfer; 0: none
    instances: U64 = 0
    failed: U64 = 0
    size: U64 = 0  # bytes of data sets
    text: Text = ""  # in words: the rule, the reason of an emergency, the command

    def __repr__(self) -> str:
        return f"Event({Kind(self.kind).name})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuditRecord:
    """One link of the chain. Never prints itself."""

    version: Annotated[int, Limit(AUDIT_VERSION, AUDIT_VERSION)] = AUDIT_VERSION
    number: Annotated[int, Limit(1, 2**64 - 1)]  # 1, 2, ...
    at_ms: U64  # Unix time in milliseconds
    nonce: Annotated[bytes, exactly(NONCE_SIZE)]  # random: a digest that peers see must not tell what was recorded
    event: Event

    def __repr__(self) -> str:
        return f"AuditRecord({self.number})"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """A node's signed word on its log: so many records, and this is their chain."""

    node: NodeId
    count: U64  # records
    chain: Bytes32
    at_ms: U64
    signature: Bytes64

    def signed_bytes(self) -> bytes:
        """What the signature covers."""
        return HEAD_CONTEXT + pack([self.node.raw, self.count, self.chain, self.at_ms])


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentHead:
    """The beginning of a file of records: what comes before it, signed by the node."""

    version: Annotated[int, Limit(AUDIT_VERSION, AUDIT_VERSION)] = AUDIT_VERSION
    node: NodeId
    before: U64  # records in earlier segments
    chain: Bytes32  # of those
    at_ms: U64
    signature: Bytes64

    def signed_bytes(self) -> bytes:
        """What the signature covers."""
        return SEGMENT_CONTEXT + pack([self.version, self.node.raw, self.before, self.chain, self.at_ms])


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReceipt:
    """A peer's signature that it saw a head, and that the log had only grown since the one it saw before."""

    witness: NodeId
    head: AuditHead
    at_ms: U64
    signature: Bytes64

    def signed_bytes(self) -> bytes:
        """What the signature covers."""
        head = [self.head.node.raw, self.head.count, self.head.chain, self.head.at_ms]
        return RECEIPT_CONTEXT + pack([self.witness.raw, head, self.at_ms])
