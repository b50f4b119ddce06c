"""What the audit log in a node's folder answers, whether or not the node runs.

Belongs here: from the folder to records, accesses and a verdict. Not here: how they look (dashboard/audit.py).
"""

from __future__ import annotations

import getpass
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from idas_p2p.access.audit.message import AuditSource, messages
from idas_p2p.access.audit.search import Wanted, accesses, decoded, document, studies_of
from idas_p2p.access.audit.verify import Fault, Report, verify_log
from idas_p2p.access.audit.witness import PeerLog
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.errors import NoSuchThing, WireError
from idas_p2p.node.auditing import Auditor
from idas_p2p.node.config import NodeConfig
from idas_p2p.store.audit_log import FOLDER, segments
from idas_p2p.store.audit_peers import MAX_FILE_SIZE, OWN, PeerFiles
from idas_p2p.store.audit_reader import bodies
from idas_p2p.wire.audit import AuditHead, AuditRecord, Event
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import decode

_LOOKS: Final = 5  # at a log that is being written; ours


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found, and what peers were found to have done."""

    report: Report
    doubted: dict[NodeId, PeerLog]  # peers whose own logs were not what they had signed


def log_folder(node_folder: Path) -> Path:
    """Where the log is.

    Raises:
        NoSuchThing: the node has none yet.
    """
    folder = node_folder / FOLDER
    if not segments(folder):
        raise NoSuchThing(f"{folder} holds no audit log; it begins when the node runs for the first time")
    return folder


def search(folder: Path, wanted: Wanted, limit: int) -> list[dict[str, Any]]:
    """The latest records that match, the oldest first, at most `limit`."""
    return [document(record) for record in deque(matching(folder, wanted), maxlen=limit)]


def matching(folder: Path, wanted: Wanted) -> Iterator[AuditRecord]:
    """Yield every record that matches, the oldest first."""
    found = bodies(folder, needles=wanted.needles(), since_ms=wanted.since_ms, until_ms=wanted.until_ms)
    return (record for record in decoded(found) if wanted.matches(record))


def who_saw(folder: Path, wanted: Wanted) -> list[dict[str, Any]]:
    """Who saw, was sent or asked for studies of a patient, or one study, the oldest first."""
    studies = {wanted.study_uid} if wanted.study_uid else set()
    if wanted.patient_id:  # whenever it was said that a study is this patient's
        studies |= studies_of(decoded(bodies(folder, needles=[wanted.patient_id.encode()])), wanted)
    needles = [text.encode() for text in (*studies, wanted.patient_id) if text]
    found = bodies(folder, needles=needles, since_ms=wanted.since_ms, until_ms=wanted.until_ms)
    return accesses(decoded(found), wanted, studies)


def exported(folder: Path, wanted: Wanted, source: AuditSource) -> Iterator[bytes]:
    """Yield the matching records as the XML messages of PS3.15 A.5."""
    return (message for record in matching(folder, wanted) for message in messages(record, source))


def verify(folder: Path, node: NodeId) -> Verdict:
    """Verify the log against itself and against what peers signed."""
    files = PeerFiles(folder)
    peers = {peer: log for peer, data in files.all() if (log := _decoded(PeerLog, data)) is not None}
    own = _decoded(AuditHead, files.read(OWN))
    receipts = [log.receipt for log in peers.values() if log.receipt is not None]
    for _ in range(_LOOKS):  # a record may be half written at the moment of a look
        report = verify_log(node, (one.data() for one in segments(folder)), [own] if own else [], receipts)
        if [finding.fault for finding in report.findings] != [Fault.MALFORMED]:
            break
    return Verdict(report, {peer: log for peer, log in peers.items() if log.doubts})


def note_while_stopped(config: NodeConfig, event: Event, *, clock: Clock) -> None:
    """Record what an operator did while the node does not run.

    Raises:
        AuditUnavailable: it cannot be written.
        NodeAlreadyRunning: the node runs after all.
    """
    identity = SigningKey.load(config.key_path)
    auditor = Auditor(
        config.folder, identity, clock=clock, random_bytes=random_bytes, settings=config.audit, run=_run_nothing
    )
    try:
        auditor.note(event)
    finally:
        auditor.close()


def reader() -> str:
    """Who runs this program, by the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return ""


async def _run_nothing(*_: Any) -> None:
    """Nothing waits for the disk here: closing does."""


def _decoded(kind: Any, data: bytes | None) -> Any:
    try:
        return decode(kind, data, max_size=MAX_FILE_SIZE) if data else None
    except WireError:
        return None
