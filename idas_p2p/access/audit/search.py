"""Questions to the audit log: which records, and who saw a patient's studies.

Law: a record is decoded only where a text that is looked for lies in its bytes. Belongs here: what matches, what a
record looks like to people and programs. Not here: reading files (store/audit_reader.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from idas_p2p.access.audit.codes import EVENT_TYPES
from idas_p2p.access.audit.events import NAMES
from idas_p2p.access.audit.message import timestamp
from idas_p2p.access.names import same_name
from idas_p2p.errors import WireError
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditRecord, By, Kind, Outcome, Side, Subject
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import decode

SEEN: Final = {Kind.SHOWN: "listed", Kind.BEGIN_TRANSFER: "asked for", Kind.TRANSFERRED: "images"}
"""How a record says that somebody saw a study."""
UNFINISHED: Final = "images, end unknown"
"""The same, of a transfer that has begun and of which no end is recorded: it runs still, or the node ended."""
_LATEST: Final = 2**63


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Wanted:
    """Conditions, all of which must hold; empty ones hold always. Never prints itself."""

    study_uid: str = ""
    patient_id: str = ""
    issuer: str = ""
    user: str = ""
    node: str = ""  # a NodeId or the name of an institution
    kinds: frozenset[int] = frozenset()
    since_ms: int = 0
    until_ms: int = _LATEST
    only_failures: bool = False

    def needles(self) -> list[bytes]:
        """Texts one of which lies in every record that matches; none when any record may."""
        text = self.study_uid or self.patient_id or self.user
        return [text.encode()] if text else []

    def matches(self, record: AuditRecord) -> bool:
        """Whether a record meets all conditions."""
        event = record.event
        return (
            self.since_ms <= record.at_ms <= self.until_ms
            and (not self.kinds or event.kind in self.kinds)
            and (not self.only_failures or event.outcome != Outcome.SUCCESS)
            and self.user in ("", event.user)
            and (not self.node or _is_node(self.node, event.node, event.institution))
            and (not self.study_uid or self._names_study(record))
            and (not self.patient_id or self._names_patient(record))
        )

    def _names_study(self, record: AuditRecord) -> bool:
        event = record.event
        in_query = any(
            key.keyword == "StudyInstanceUID" and self.study_uid in key.pattern.split("\\") for key in event.keys
        )
        return in_query or any(subject.study_uid == self.study_uid for subject in event.subjects)

    def _names_patient(self, record: AuditRecord) -> bool:
        event = record.event
        in_query = any(key.keyword == "PatientID" and key.pattern == self.patient_id for key in event.keys)
        return in_query or any(self.is_patient(subject) for subject in event.subjects)

    def is_patient(self, subject: Subject) -> bool:
        """Whether a record's subject is the patient that is looked for."""
        return subject.patient_id == self.patient_id and self.issuer in ("", subject.issuer)


def decoded(bodies: Iterable[bytes]) -> Iterator[AuditRecord]:
    """The records among bytes; what is none is left out, for `idas audit verify` tells of it."""
    for body in bodies:
        try:
            yield decode(AuditRecord, body, max_size=MAX_RECORD_BYTES)
        except WireError:
            continue


def studies_of(records: Iterable[AuditRecord], wanted: Wanted) -> set[str]:
    """The studies that any record says are the patient's."""
    return {
        subject.study_uid
        for record in records
        for subject in record.event.subjects
        if subject.study_uid and wanted.is_patient(subject)
    }


def accesses(records: Iterable[AuditRecord], wanted: Wanted, studies: set[str]) -> list[dict[str, Any]]:
    """Who saw, was sent or asked for one of the patient's studies, one document for each record, the oldest first.

    A transfer is told by its end, and by its beginning where the node ended during it.

    Args:
        records: oldest first.
        wanted: the patient, and when.
        studies: that are the patient's, also where a record does not say so.
    """
    found = dict[int, dict[str, Any]]()
    begun = dict[tuple[int, int], int]()  # transfers that have not ended: side and number to the record
    for record in records:
        event = record.event
        if event.kind not in SEEN or not wanted.since_ms <= record.at_ms <= wanted.until_ms:
            continue
        if event.side == Side.NONE:  # a device brought images; it saw none of ours
            continue
        seen = [one for one in event.subjects if one.study_uid in studies or wanted.is_patient(one)]
        if not seen:
            continue
        saw = SEEN[Kind(event.kind)]
        transfer = (event.side, event.transfer)
        if event.kind == Kind.BEGIN_TRANSFER and event.text.startswith(NAMES):
            continue  # of one that is told by its beginning and its end
        if event.kind == Kind.BEGIN_TRANSFER and event.outcome == Outcome.SUCCESS:
            begun[transfer], saw = record.number, UNFINISHED
        elif event.kind == Kind.TRANSFERRED and (beginning := begun.pop(transfer, None)) is not None:
            del found[beginning]
        found[record.number] = {**document(record), "saw": saw, "studies": [_subject(one) for one in seen]}
    return list(found.values())


def document(record: AuditRecord) -> dict[str, Any]:
    """A record as JSON values."""
    event = record.event
    return {
        "number": record.number,
        "time": timestamp(record.at_ms),
        "kind": Kind(event.kind).name.lower(),
        "type": EVENT_TYPES.get(event.code, str(event.code) if event.code else ""),
        "outcome": Outcome(event.outcome).name.lower() if event.outcome in list(Outcome) else event.outcome,
        "reason": event.reason,
        "side": Side(event.side).name.lower(),
        "user": event.user,
        "known_by": By(event.by).name.lower(),
        "aet": event.aet,
        "address": event.address,
        "node": str(NodeId(event.node)) if len(event.node) == 32 else "",
        "institution": event.institution,
        "level": event.level,
        "studies": [_subject(subject) for subject in event.subjects],
        "query": {key.keyword: key.pattern for key in event.keys},
        "transfer": event.transfer,
        "instances": event.instances,
        "failed": event.failed,
        "bytes": event.size,
        "text": event.text,
    }


def _subject(subject: Subject) -> dict[str, str]:
    return {"study_uid": subject.study_uid, "patient_id": subject.patient_id, "issuer": subject.issuer}


def _is_node(wanted: str, node: bytes, institution: str) -> bool:
    if len(node) == 32 and str(NodeId(node)) == wanted.lower():
        return True
    return any(same_name(wanted, name) for name in institution.split(", ")) or same_name(wanted, institution)
