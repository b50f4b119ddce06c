from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext, build_context

from idas_p2p.dicom.part10 import read_part10
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.errors import ArchiveFailed, ArchiveUnreachable, IdasError, StudyNotFound
from idas_p2p.wire.address import Address
from idas_p2p.wire.fetching import Priority
from idas_p2p.wire.instance import InstanceFailed, Selection, Total
from tests.dicom.memory_node import (
    CT,
    EXPLICIT,
    STUDY_GET,
    STUDY_MOVE,
    MemoryNode,
    Served,
    brings,
    make_instance,
    serving,
)
from tests.dicom.workstation import Workstation

Answer = tuple[Dataset, list[Dataset], Dataset | None]
"""Final status, pending statuses, final identifier."""


def study(uid: str = "1.2.3") -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    ds.StudyInstanceUID = uid
    return ds


async def move(
    served: Served, *, cancel_at: int = 0, destination: str = "WS", identifier: Dataset | None = None
) -> Answer:
    def talk(link: Association) -> Answer:
        pending: list[Dataset] = []
        for status, answer in link.send_c_move(identifier or study(), destination, STUDY_MOVE, msg_id=7):
            if status.Status != 0xFF00:
                return status, pending, answer
            pending.append(status)
            if len(pending) == cancel_at:
                link.send_c_cancel(7, query_model=STUDY_MOVE)
        raise AssertionError("no final response")

    return await served.workstation([STUDY_MOVE], talk)  # type: ignore[return-value]


async def get(
    served: Served,
    received: list[bytes],
    *,
    cancel_at: int = 0,
    abort_at: int = 0,
    contexts: list[PresentationContext] | None = None,
) -> Answer | None:
    role = SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid, role.scu_role, role.scp_role = CT, False, True

    def store(event: evt.Event) -> int:
        received.append(event.request.DataSet.getvalue())
        if len(received) == cancel_at:
            event.assoc.send_c_cancel(3, query_model=STUDY_GET)
        if len(received) == abort_at:
            event.assoc.dul.socket.close()
        return 0xB000 if len(received) == 99 else 0x0000

    def talk(link: Association) -> Answer | None:
        pending: list[Dataset] = []
        for status, answer in link.send_c_get(study(), STUDY_GET, msg_id=3):
            if "Status" not in status:
                return None
            if status.Status != 0xFF00:
                return status, pending, answer
            pending.append(status)
        return None

    offered = [build_context(CT, [EXPLICIT])] if contexts is None else contexts
    return await served.workstation(  # type: ignore[return-value]
        [STUDY_GET, *offered], talk, ext_neg=[role], evt_handlers=[(evt.EVT_C_STORE, store)]
    )


def counts(status: Dataset) -> tuple[int | None, ...]:
    names = ("Remaining", "Completed", "Failed", "Warning")
    return tuple(status.get(f"NumberOf{name}Suboperations") for name in names)


async def test_move_delivers_a_study_and_says_success(tmp_path: Path) -> None:
    workstation, instances = Workstation(), [make_instance(n) for n in range(3)]
    with workstation.listening({CT: [EXPLICIT]}) as remote:
        node = MemoryNode(events=brings(*instances), destinations={"WS": remote})
        async with serving(node, tmp_path) as served:
            status, _, identifier = await move(served)
    assert (status.Status, counts(status), identifier) == (0x0000, (None, 3, 0, 0), None)
    assert workstation.received == {i.sop_instance_uid: i.data.read() for i in instances}
    assert workstation.originators[0] == ("WORKSTATION", 7)
    assert node.selections == [Selection(study_uid="1.2.3")]


@pytest.mark.parametrize(("said", "meant"), [(0, Priority.MEDIUM), (1, Priority.HIGH), (2, Priority.LOW)])
async def test_the_priority_of_a_request_reaches_the_node(tmp_path: Path, said: int, meant: Priority) -> None:
    def talk(link: Association) -> None:
        for model, send in ((STUDY_MOVE, link.send_c_move), (STUDY_GET, link.send_c_get)):
            words = (study(), "WS", model) if send == link.send_c_move else (study(), model)
            assert [status.Status for status, _ in send(*words, priority=said)] == [0x0000]

    with Workstation().listening({CT: [EXPLICIT]}) as remote:
        node = MemoryNode(events=[Total(0)], destinations={"WS": remote})
        async with serving(node, tmp_path) as served:
            await served.workstation([STUDY_MOVE, STUDY_GET], talk)
    assert node.priorities == [meant, meant]


async def test_move_lists_what_failed_and_says_so(tmp_path: Path) -> None:
    failed = InstanceFailed(sop_instance_uid="1.9.1", reason=ArchiveFailed())
    with Workstation(statuses={"1.2.3.4.1": 0xA700}).listening({CT: [EXPLICIT]}) as remote:
        node = MemoryNode(events=brings(make_instance(0), make_instance(1), failed), destinations={"WS": remote})
        async with serving(node, tmp_path) as served:
            status, _, identifier = await move(served)
    assert (status.Status, counts(status)) == (0xB000, (None, 1, 2, 0))
    assert identifier is not None
    assert list(identifier.FailedSOPInstanceUIDList) == ["1.2.3.4.1", "1.9.1"]


async def test_move_of_which_everything_failed_is_a_failure(tmp_path: Path) -> None:
    with Workstation(statuses={"1.2.3.4.0": 0xC000}).listening({CT: [EXPLICIT]}) as remote:
        node = MemoryNode(events=brings(make_instance(0)), destinations={"WS": remote})
        async with serving(node, tmp_path) as served:
            status, _, identifier = await move(served)
    assert (status.Status, counts(status)) == (0xA702, (None, 0, 1, 0))
    assert identifier is not None
    assert identifier.FailedSOPInstanceUIDList == "1.2.3.4.0"


async def test_move_to_an_unknown_destination_is_refused_as_such(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        status, _, _ = await move(served, destination="NOWHERE")
    assert status.Status == 0xA801


async def test_move_to_a_destination_that_is_down_cannot_perform(tmp_path: Path) -> None:
    with Workstation().listening({CT: [EXPLICIT]}) as remote:
        pass
    node = MemoryNode(events=brings(make_instance(0)), destinations={"WS": remote})
    async with serving(node, tmp_path) as served:
        status, _, _ = await move(served)
        assert node.left.is_set()
    assert (status.Status, counts(status)) == (0xA702, (None, 0, 1, 0))
    assert status.ErrorComment == "The destination workstation did not answer"


@pytest.mark.parametrize(
    ("error", "status"), [(StudyNotFound(), 0xC000), (ArchiveUnreachable(), 0xA702)], ids=["wrong UID", "archive down"]
)
async def test_move_of_what_cannot_be_had_fails_with_the_reason(tmp_path: Path, error: IdasError, status: int) -> None:
    with Workstation().listening({CT: [EXPLICIT]}) as remote:
        node = MemoryNode(events=[error], destinations={"WS": remote})
        async with serving(node, tmp_path) as served:
            final, _, _ = await move(served)
    assert final.Status == status
    assert final.ErrorComment


async def test_a_holder_lost_in_mid_transfer_leaves_an_honest_count(tmp_path: Path) -> None:
    with Workstation().listening({CT: [EXPLICIT]}) as remote:
        events = [Total(3), make_instance(0), ArchiveUnreachable()]
        async with serving(MemoryNode(events=events, destinations={"WS": remote}), tmp_path) as served:
            status, _, _ = await move(served)
    assert (status.Status, counts(status)) == (0xB000, (None, 1, 2, 0))


async def test_move_without_a_study_uid_does_not_match(tmp_path: Path) -> None:
    async with serving(MemoryNode(destinations={"WS": _nowhere()}), tmp_path) as served:
        status, _, _ = await move(served, identifier=study(""))
    assert status.Status == 0xA900


def _nowhere() -> RemoteAE:
    return RemoteAE(aet="WS", address=Address("127.0.0.1", 9), calling_aet="NODE")


async def test_pending_responses_come_while_nothing_arrives_and_cancel_is_heard(tmp_path: Path) -> None:
    with Workstation().listening({CT: [EXPLICIT]}) as remote:
        events = [Total(2), make_instance(0), asyncio.Event(), make_instance(1)]
        node = MemoryNode(events=events, destinations={"WS": remote})
        async with serving(node, tmp_path) as served:
            status, pending, _ = await move(served, cancel_at=1)
            assert node.left.is_set()
    assert [counts(step) for step in pending] == [(1, 1, 0, 0)]
    assert (status.Status, counts(status)) == (0xFE00, (1, 1, 0, 0))


async def test_a_requester_that_goes_away_stops_the_retrieval(tmp_path: Path) -> None:
    def leave(link: Association) -> None:
        next(link.send_c_move(study(), "WS", STUDY_MOVE))
        link.abort()

    with Workstation().listening({CT: [EXPLICIT]}) as remote:
        node = MemoryNode(events=[Total(2), asyncio.Event()], destinations={"WS": remote})
        async with serving(node, tmp_path) as served:
            await served.workstation([STUDY_MOVE], leave)
            await node.left.wait()


async def test_get_brings_a_study_over_the_same_association(tmp_path: Path) -> None:
    instances, received = [make_instance(n, size=100_000) for n in range(3)], list[bytes]()
    async with serving(MemoryNode(events=brings(*instances)), tmp_path) as served:
        answer = await get(served, received)
    assert answer is not None
    assert (answer[0].Status, counts(answer[0])) == (0x0000, (None, 3, 0, 0))
    assert received == [i.data.read() for i in instances]


async def test_get_without_a_context_for_the_objects_names_them_as_failed(tmp_path: Path) -> None:
    async with serving(MemoryNode(events=brings(make_instance(0))), tmp_path) as served:
        answer = await get(served, [], contexts=[])
    assert answer is not None
    assert (answer[0].Status, counts(answer[0])) == (0xA702, (None, 0, 1, 0))
    assert answer[2] is not None
    assert answer[2].FailedSOPInstanceUIDList == "1.2.3.4.0"


async def test_get_can_be_cancelled_in_the_middle(tmp_path: Path) -> None:
    received: list[bytes] = []
    node = MemoryNode(events=brings(*(make_instance(n) for n in range(200))))
    async with serving(node, tmp_path) as served:
        answer = await get(served, received, cancel_at=2)
        await node.left.wait()
    assert answer is not None
    remaining, completed, failed, warning = counts(answer[0])
    assert answer[0].Status == 0xFE00
    assert (completed, failed, warning) == (len(received), 0, 0)
    assert remaining == 200 - len(received) > 0


async def test_get_sends_pending_responses_while_nothing_arrives(tmp_path: Path) -> None:
    release = asyncio.Event()
    node = MemoryNode(events=[Total(1), release, make_instance(0)])
    async with serving(node, tmp_path) as served:
        asyncio.get_running_loop().call_later(1.2, release.set)
        answer = await get(served, [])
    assert answer is not None
    assert answer[0].Status == 0x0000
    assert [counts(step) for step in answer[1]] == [(1, 0, 0, 0)]


async def test_get_ends_when_the_requester_aborts_in_the_middle(tmp_path: Path) -> None:
    node = MemoryNode(events=brings(*(make_instance(n) for n in range(200))))
    async with serving(node, tmp_path) as served:
        assert await get(served, [], abort_at=2) is None
        await node.left.wait()
        assert node.pulled < 200


async def test_what_cannot_be_sent_without_loss_is_a_warning_that_says_so(tmp_path: Path) -> None:
    plain, lossy = make_instance(1), read_part10(Path(str(get_testdata_file("693_J2KI.dcm", download=False))))
    node, workstation = MemoryNode(events=brings(plain, lossy)), Workstation()
    with workstation.listening({CT: [EXPLICIT], lossy.sop_class_uid: [EXPLICIT]}) as remote:
        node.destinations["WS"] = remote
        async with serving(node, tmp_path) as served:
            status, _, identifier = await move(served)
    assert (status.Status, status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations) == (0xB000, 1, 1)
    assert status.ErrorComment == "lossy, or in no coding known here: accept it as it is stored"
    assert identifier is not None
    assert identifier.FailedSOPInstanceUIDList == lossy.sop_instance_uid
