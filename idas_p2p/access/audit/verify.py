"""Whether a log is what it was: every record there, unchanged, in order, and no peer has seen another one.

Law: verifying needs the log, the node's NodeId and what peers signed; it trusts nothing that lies beside the log, but
its signature. Belongs here: the findings. Not here: reading files (store/audit_log.py), what a running node finds out
of its peers' logs (witness.py). Source: docs/spec/audit.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from idas_p2p.access.audit.chain import State, digest_of, is_signed, start
from idas_p2p.errors import WireError
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditHead, AuditReceipt, AuditRecord, Kind, SegmentHead
from idas_p2p.wire.audit_file import read_frames, read_start
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import decode


class Fault(StrEnum):
    """What is wrong with a log; docs/spec/audit.md section 4."""

    CUT = "cut"  # records are missing: in front, between, or at the end
    EDITED = "edited"  # a record is not the one that was chained
    REORDERED = "reordered"  # a record stands at another place than its number says
    FORGED_HEAD = "forged_head"  # a signature is not that of the node it names
    CONTRADICTED = "contradicted"  # a head that was signed, and seen by a peer, is of another log
    MALFORMED = "malformed"  # bytes that are no records


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, at a record (0: not at one), in words without patient data."""

    fault: Fault
    record: int
    text: str


@dataclass(slots=True)
class Report:
    """What came of a verification."""

    first: int = 0  # record that the log begins with; 0 when it has none
    count: int = 0  # number of the last record
    let_go: int = 0  # records before `first`, let go of as too old; their chain is signed
    said_let_go: set[int] = field(default_factory=set)  # how many records any record says were let go
    heads: int = 0  # heads and receipts that agree
    witnesses: set[NodeId] = field(default_factory=set)  # peers that have seen a head of this very log
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def add(self, fault: Fault, record: int, text: str) -> None:
        """Note what is wrong."""
        self.findings.append(Finding(fault, record, text))


def verify_log(
    node: NodeId, segments: Iterable[bytes], heads: Sequence[AuditHead] = (), receipts: Sequence[AuditReceipt] = ()
) -> Report:
    """Verify a log.

    Args:
        node: whose log it is.
        segments: the bytes of each, the oldest first.
        heads: what the node itself signed of it.
        receipts: what its peers signed of it.
    """
    report, wanted = Report(), _wanted(node, heads, receipts)
    state: State | None = None
    chains = dict[int, bytes]()  # at the counts that somebody signed
    for data in segments:
        state = _verify_segment(report, node, data, state, wanted.keys(), chains)
    _compare(report, wanted, chains, state or start(node))
    if report.let_go and report.let_go not in report.said_let_go:
        report.add(Fault.CUT, 1, f"records 1 to {report.let_go} are missing, and no record says that they were let go")
    for head in (*(one for one in heads if not is_signed(one)), *(one.head for one in receipts if not is_signed(one))):
        report.add(Fault.FORGED_HEAD, head.count, "a head or a receipt is not signed by the node it names")
    report.count = state.count if state else 0
    return report


def _verify_segment(
    report: Report, node: NodeId, data: bytes, state: State | None, wanted: Iterable[int], chains: dict[int, bytes]
) -> State | None:
    try:
        head, offset = read_start(data)
    except WireError as error:
        report.add(Fault.MALFORMED, (state.count if state else 0) + 1, error.detail)
        return state
    state = _follow(report, node, head, state)
    chains[state.count] = state.chain
    for frame in read_frames(data, offset):
        number = state.count + 1
        state = state.after(digest_of(frame.body))
        _check_record(report, frame.body, number)
        if state.chain != frame.chain:
            report.add(Fault.EDITED, number, "the record, or one before it, is not the one that was chained")
            state = State(number, frame.chain)  # so that what follows is judged for itself
        if number in wanted:
            chains[number] = state.chain
        offset = frame.end
    if offset < len(data):
        report.add(Fault.MALFORMED, state.count + 1, f"{len(data) - offset} bytes are no record")
    return state


def _follow(report: Report, node: NodeId, head: SegmentHead, state: State | None) -> State:
    """The state that a segment goes on from."""
    if head.node != node or not is_signed(head):
        report.add(Fault.FORGED_HEAD, head.before + 1, "the beginning of a segment is not signed by this node")
    if state is None:
        report.first, report.let_go = head.before + 1, head.before
        if head.before == 0 and head.chain != start(node).chain:
            report.add(Fault.EDITED, 1, "the log begins with another chain than that of an empty one")
    elif head.before > state.count:
        report.add(Fault.CUT, state.count + 1, f"records {state.count + 1} to {head.before} are missing")
    elif head.before < state.count:
        report.add(Fault.REORDERED, head.before + 1, "a segment stands at another place than its beginning says")
    elif head.chain != state.chain:
        report.add(Fault.EDITED, head.before, "what comes before a segment is not what its beginning says")
    return State(head.before, head.chain)


def _check_record(report: Report, body: bytes, number: int) -> None:
    try:
        record = decode(AuditRecord, body, max_size=MAX_RECORD_BYTES)
    except WireError as error:
        report.add(Fault.MALFORMED, number, error.detail)
        return
    if record.event.kind == Kind.LOG_USED and record.event.instances:
        report.said_let_go.add(record.event.instances)
    if record.number != number:
        report.add(Fault.REORDERED, number, f"at its place stands record {record.number}")


def _wanted(
    node: NodeId, heads: Sequence[AuditHead], receipts: Sequence[AuditReceipt]
) -> dict[int, list[tuple[AuditHead, NodeId | None]]]:
    """What was signed of this node's log, by number of records; with who has seen it."""
    signed: list[tuple[AuditHead, NodeId | None]] = [(head, None) for head in heads if is_signed(head)]
    signed += [(one.head, one.witness) for one in receipts if is_signed(one)]
    wanted = dict[int, list[tuple[AuditHead, NodeId | None]]]()
    for head, witness in signed:
        if head.node == node:
            wanted.setdefault(head.count, []).append((head, witness))
    return wanted


def _compare(
    report: Report,
    wanted: dict[int, list[tuple[AuditHead, NodeId | None]]],
    chains: dict[int, bytes],
    end: State,
) -> None:
    for count, signed in sorted(wanted.items()):
        for head, witness in signed:
            who = f"peer {witness.short} has seen" if witness else "this node has signed"
            if count > end.count:
                report.add(Fault.CUT, end.count + 1, f"{who} a log of {count} records; it ends after {end.count}")
            elif count in chains and chains[count] != head.chain:
                report.add(Fault.CONTRADICTED, count, f"{who} another log of {count} records")
            elif count in chains:
                report.heads += 1
                report.witnesses |= {witness} if witness else set()
