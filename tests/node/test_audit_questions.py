"""What the log in a folder answers, and that tampering with the folder is found out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from idas_p2p.access.audit.events import log_used, transfer_begun, transfer_ended
from idas_p2p.access.audit.message import AuditSource
from idas_p2p.access.audit.search import Wanted
from idas_p2p.access.audit.verify import Fault
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.errors import NoSuchThing
from idas_p2p.node.audit_questions import exported, log_folder, note_while_stopped, search, verify, who_saw
from idas_p2p.node.auditing import Auditor
from idas_p2p.node.config import NodeConfig
from idas_p2p.store.audit_log import segments
from idas_p2p.store.audit_peers import OWN, PeerFiles
from idas_p2p.wire.schema import encode
from tests.access.audit.logs import DOCTOR, some_events
from tests.access.audit.test_verify import parts
from tests.directory.network import ManualClock
from tests.node.nodes import make_config
from tests.node.test_auditing import run


@pytest.fixture
async def config(tmp_path: Path, clock: ManualClock) -> NodeConfig:
    """A node whose log has thirty records, the last of which it has signed."""
    made = make_config(tmp_path, "anna")
    auditor = _auditor(made, clock)
    for event in some_events(30):
        auditor.note(event)
    await auditor.settled()
    PeerFiles(auditor.folder).write(OWN, encode(auditor.head()))
    auditor.close()
    return made


def _auditor(config: NodeConfig, clock: ManualClock) -> Auditor:
    identity = SigningKey.load(config.key_path)
    return Auditor(config.folder, identity, clock=clock, random_bytes=random_bytes, settings=config.audit, run=run)


def node_of(config: NodeConfig) -> AuditSource:
    return AuditSource(SigningKey.load(config.key_path).node_id, config.institution, config.aet)


async def test_the_latest_records_that_match_come_oldest_first(config: NodeConfig) -> None:
    found = search(log_folder(config.folder), Wanted(user="dr-lee"), 4)
    assert [one["number"] for one in found] == [27, 28, 29, 30]


async def test_who_saw_answers_for_a_patient_and_for_a_study(config: NodeConfig, clock: ManualClock) -> None:
    auditor = _auditor(config, clock)
    begun = transfer_begun(DOCTOR, some_events(2)[1].subjects[0], number=9)
    auditor.note(begun)
    auditor.note(transfer_ended(begun, instances=3, failed=0, size=9))
    auditor.close()
    folder = log_folder(config.folder)
    for wanted in (Wanted(patient_id="P0"), Wanted(study_uid="1.2.0")):
        seen = who_saw(folder, wanted)
        assert [(one["saw"], one["user"], one["institution"]) for one in seen] == [
            ("listed", "dr-lee", "Lake Clinic"),
            ("images, end unknown", "dr-lee", "Lake Clinic"),
            ("images", "dr-lee", "Lake Clinic"),
        ]
    assert who_saw(folder, Wanted(patient_id="NOBODY")) == []


async def test_what_is_exported_are_the_messages_of_the_matching_records(config: NodeConfig) -> None:
    messages = list(exported(log_folder(config.folder), Wanted(patient_id="P3"), node_of(config)))
    assert len(messages) == 3
    assert all(message.startswith(b"<AuditMessage>") for message in messages)


async def test_a_log_that_nobody_touched_is_good(config: NodeConfig) -> None:
    verdict = verify(log_folder(config.folder), node_of(config).node)
    assert verdict.report.is_good
    assert (verdict.report.count, verdict.report.heads, verdict.doubted) == (30, 1, {})


def _edit(data: bytes) -> bytes:
    return data.replace(b"dr-lee", b"dr-moe", 1)


def _cut(data: bytes) -> bytes:
    start, frames = parts(data)
    return start + b"".join(frames[:-3])


def _reorder(data: bytes) -> bytes:
    start, frames = parts(data)
    return start + b"".join([frames[1], frames[0], *frames[2:]])


@pytest.mark.parametrize(("tamper", "fault"), [(_edit, Fault.EDITED), (_cut, Fault.CUT), (_reorder, Fault.REORDERED)])
async def test_a_log_that_was_cut_edited_or_reordered_on_the_disk_is_found_out(
    config: NodeConfig, tamper: Callable[[bytes], bytes], fault: Fault
) -> None:
    (segment,) = segments(config.folder / "audit")
    segment.path.write_bytes(tamper(segment.data()))
    report = verify(log_folder(config.folder), node_of(config).node).report
    assert fault in [finding.fault for finding in report.findings]


async def test_reading_is_recorded_where_the_node_does_not_run(config: NodeConfig, clock: ManualClock) -> None:
    note_while_stopped(config, log_used("root", "who-saw patient=P0"), clock=clock)
    last = search(log_folder(config.folder), Wanted(), 1)[0]
    assert (last["kind"], last["text"], last["known_by"]) == ("log_used", "who-saw patient=P0", "operator")
    assert verify(log_folder(config.folder), node_of(config).node).report.is_good


def test_a_node_that_never_ran_has_no_log(tmp_path: Path) -> None:
    with pytest.raises(NoSuchThing):
        log_folder(make_config(tmp_path, "anna").folder)
