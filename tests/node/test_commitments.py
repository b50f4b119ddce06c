from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import evt

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.commitment import PUSH_MODEL, Answered, Reason, Reference, Requested, answered_from, asked_from
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.errors import ArchiveFailed, BadQuery, Busy, UnknownDestination
from idas_p2p.node import commitments
from idas_p2p.node.commitments import GIVE_UP_AFTER, PAUSES, TELL_AFTER, StorageCommitment
from idas_p2p.node.embedded import EmbeddedStore
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.commitments import Commitments
from idas_p2p.store.database import Database
from idas_p2p.store.objects import ObjectStore
from tests.dicom.archives import remote, serving
from tests.dicom.memory_node import EXPLICIT
from tests.directory.network import ManualClock
from tests.node.nodes import make_instance


class Peers:
    """The devices of this node, and what they were told."""

    def __init__(self) -> None:
        self.known: dict[str, RemoteAE] = {}
        self.told: list[Answered] = []
        self.status = 0x0000

    def find(self, aet: str) -> RemoteAE:
        if aet not in self.known:
            raise UnknownDestination
        return self.known[aet]

    def on_report(self, event: Any) -> tuple[int, None]:
        self.told.append(answered_from(event.event_information))
        return self.status, None


def abort_after_answer(event: Any) -> tuple[int, None]:
    threading.Timer(0.1, event.assoc.abort).start()
    return 0x0000, None


@pytest.fixture
def peers() -> Peers:
    return Peers()


@pytest.fixture
def objects(database: Database, tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects", database)


@pytest.fixture
def commitment(
    database: Database, objects: ObjectStore, peers: Peers, bridge: Bridge, clock: ManualClock
) -> StorageCommitment:
    return StorageCommitment(Commitments(database), objects, peers.find, bridge=bridge, clock=clock)


async def stored(objects: ObjectStore, database: Database, bridge: Bridge, clock: ManualClock) -> Reference:
    instance = make_instance(1)
    await EmbeddedStore(objects, Catalog(database), bridge=bridge, clock=clock).store(instance)
    return Reference(instance.sop_class_uid, instance.sop_instance_uid)


async def test_only_what_lies_here_whole_is_committed(
    commitment: StorageCommitment,
    objects: ObjectStore,
    database: Database,
    bridge: Bridge,
    clock: ManualClock,
    tmp_path: Path,
) -> None:
    safe = await stored(objects, database, bridge, clock)
    other_class, absent = Reference("1.2.9", safe.sop_instance_uid), Reference(safe.sop_class_uid, "1.2.99")
    await commitment.asked("WS", Requested(transaction_uid="2.25.7", references=(safe, other_class, absent)))
    answered = await commitment.result("WS", "2.25.7", claim=9.0)
    assert answered is not None
    assert answered.committed == (safe,)
    assert answered.failed == ((other_class, Reason.CLASS_CONFLICT), (absent, Reason.NO_SUCH_INSTANCE))
    (file,) = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    file.write_bytes(b"cut")
    answered = await commitment.result("WS", "2.25.7", claim=9.0)
    assert answered is not None
    assert answered.committed == ()


async def test_who_left_is_called_again_until_it_has_the_report(
    commitment: StorageCommitment, peers: Peers, clock: ManualClock
) -> None:
    absent = Reference("1.2.840.10008.5.1.4.1.1.2", "1.2.99")
    with ExitStack() as stack:
        port = stack.enter_context(
            serving("WS", [(PUSH_MODEL, [EXPLICIT])], [(evt.EVT_N_EVENT_REPORT, peers.on_report)])
        )
        peers.known["WS"], peers.status = remote("WS", port), 0x0110
        await commitment.asked("WS", Requested(transaction_uid="2.25.7", references=(absent,)))
        await commitment.turn()
        assert peers.told == []  # it has time to keep its association open
        clock.advance(TELL_AFTER)
        await commitment.turn()
        assert len(peers.told) == 1  # and did not take it
        peers.status = 0x0000
        await commitment.turn()
        assert len(peers.told) == 1
        clock.advance(PAUSES[0])
        await commitment.turn()
        clock.advance(GIVE_UP_AFTER)
        await commitment.turn()
    assert [one.transaction_uid for one in peers.told] == ["2.25.7", "2.25.7"]


async def test_what_is_being_told_on_its_own_association_is_not_told_elsewhere(
    commitment: StorageCommitment, peers: Peers, clock: ManualClock
) -> None:
    await commitment.asked("WS", Requested(transaction_uid="2.25.7", references=(Reference("1.2", "1.2.99"),)))
    clock.advance(TELL_AFTER)
    assert await commitment.result("WS", "2.25.7", claim=9.0) is not None
    await commitment.turn()  # WS is not known: telling it would drop what is owed
    assert await commitment.result("WS", "2.25.7", claim=9.0) is not None
    await commitment.told("WS", "2.25.7")
    assert await commitment.result("WS", "2.25.7", claim=9.0) is None


async def test_a_device_that_is_configured_no_more_is_told_nothing(
    commitment: StorageCommitment, peers: Peers, clock: ManualClock
) -> None:
    await commitment.asked("WS", Requested(transaction_uid="2.25.7", references=(Reference("1.2", "1.2.99"),)))
    clock.advance(TELL_AFTER)
    await commitment.turn()
    assert await commitment.result("WS", "2.25.7", claim=9.0) is None


async def test_a_day_without_success_is_the_end(
    commitment: StorageCommitment, peers: Peers, clock: ManualClock, database: Database
) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(serving("WS", [(PUSH_MODEL, [EXPLICIT])], []))
    peers.known["WS"] = remote("WS", port)  # nobody listens there any more
    await commitment.asked("WS", Requested(transaction_uid="2.25.7", references=(Reference("1.2", "1.2.99"),)))
    clock.advance(TELL_AFTER)
    await commitment.turn()
    assert Commitments(database).count("WS") == 1
    clock.advance(GIVE_UP_AFTER)
    await commitment.turn()
    assert Commitments(database).count("WS") == 0


async def test_a_device_cannot_be_owed_without_end(
    commitment: StorageCommitment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commitments, "MAX_OWED", 1)
    await commitment.asked("WS", Requested(transaction_uid="2.25.7", references=(Reference("1.2", "1.2.99"),)))
    with pytest.raises(Busy):
        await commitment.asked("WS", Requested(transaction_uid="2.25.8", references=(Reference("1.2", "1.2.99"),)))


async def test_an_archive_answers_for_instances_over_an_association_of_its_own(
    commitment: StorageCommitment, bridge: Bridge
) -> None:
    one, two, three = (Reference("1.2", f"1.2.{number}") for number in (1, 2, 3))

    async def report(answered: Answered) -> None:
        commitment.answered(answered)

    def on_action(event: Any) -> tuple[int, None]:
        uid = asked_from(event.action_information).transaction_uid
        bridge.call(report(Answered(transaction_uid=uid, committed=(one,), failed=((two, 0x0112),))))
        return 0x0000, None

    with ExitStack() as stack:
        port = stack.enter_context(serving("PACS", [(PUSH_MODEL, [EXPLICIT])], [(evt.EVT_N_ACTION, on_action)]))
        answered = await commitment.ask(remote("PACS", port), (one, two, three))
    assert answered.committed == (one,)
    assert answered.failed == ((two, 0x0112), (three, Reason.PROCESSING_FAILURE))  # what it leaves out is not safe


async def test_an_archive_that_never_reports_has_failed(
    commitment: StorageCommitment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commitments, "REPORT_TIMEOUT", 0.01)
    with ExitStack() as stack:
        handlers = [(evt.EVT_N_ACTION, abort_after_answer)]
        port = stack.enter_context(serving("PACS", [(PUSH_MODEL, [EXPLICIT])], handlers))
        with pytest.raises(ArchiveFailed, match="no storage commitment report"):
            await commitment.ask(remote("PACS", port), (Reference("1.2", "1.2.1"),))


async def test_a_report_nobody_waits_for_and_a_question_for_nothing_are_refused(commitment: StorageCommitment) -> None:
    with pytest.raises(BadQuery):
        commitment.answered(Answered(transaction_uid="2.25.7"))
    with pytest.raises(BadQuery):
        await commitment.ask(remote("PACS", 1), ())
