from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from idas_p2p.errors import ArchiveFailed, NoSuchThing, TransferStopped
from idas_p2p.exchange.signed_manifest import Evidence
from idas_p2p.node.transfers import COPIES_DIFFER, Transfers
from idas_p2p.store.database import Database
from idas_p2p.store.transfers import Direction, SignedManifest, State, TransferLog
from idas_p2p.transport.memory import OTHER, make_pair
from idas_p2p.wire.instance import InstanceFailed, Total
from tests.directory.network import ManualClock
from tests.node.nodes import STUDY, make_instance


@pytest.fixture
def transfers(database: Database, clock: ManualClock) -> Transfers:
    return Transfers(TransferLog(database), clock=clock)


def ended(database: Database) -> tuple[State, str]:
    last = TransferLog(database).recent(1)[0]
    return last.state, last.reason


def test_a_transfer_is_listed_while_it_runs_and_logged_when_it_ends(transfers: Transfers, database: Database) -> None:
    with transfers.transfer(Direction.IN, STUDY, "dr-lee", partner="Lake Clinic") as transfer:
        transfer.count(Total(1))
        transfer.count(make_instance(1))
        assert list(transfers.running.values()) == [transfer]
    assert transfers.running == {}
    last = TransferLog(database).recent(1)[0]
    assert (last.state, last.partner, last.counters.instances) == (State.DONE, "Lake Clinic", 1)


def test_a_transfer_that_is_stopped_ends_at_its_next_image(transfers: Transfers, database: Database) -> None:
    def retrieve() -> None:
        with transfers.transfer(Direction.IN, STUDY, "") as transfer:
            transfer.count(Total(2))
            transfers.stop(transfer.number)
            transfer.count(make_instance(1))

    with pytest.raises(TransferStopped):
        retrieve()
    assert ended(database) == (State.FAILED, TransferStopped.code)
    with pytest.raises(NoSuchThing):
        transfers.stop(1)


def test_a_transfer_that_brought_less_than_it_announced_is_partial(transfers: Transfers, database: Database) -> None:
    with transfers.transfer(Direction.IN, STUDY, "") as transfer:
        transfer.count(Total(2))
        transfer.count(make_instance(1))
    assert ended(database)[0] is State.PARTIAL


def test_a_failed_instance_makes_a_transfer_partial(transfers: Transfers, database: Database) -> None:
    with transfers.transfer(Direction.IN, STUDY, "") as transfer:
        transfer.count(InstanceFailed(sop_instance_uid="1.2", reason=ArchiveFailed()))
    assert ended(database)[0] is State.PARTIAL


def test_an_error_is_kept_by_its_code(transfers: Transfers, database: Database) -> None:
    with pytest.raises(ArchiveFailed), transfers.transfer(Direction.OUT, STUDY, ""):
        raise ArchiveFailed
    assert ended(database) == (State.FAILED, ArchiveFailed.code)


async def test_a_reader_that_goes_away_cancels_a_transfer(transfers: Transfers, database: Database) -> None:
    async def reading() -> AsyncGenerator[int, None]:
        with transfers.transfer(Direction.IN, STUDY, ""):
            yield 1

    events = reading()
    assert await anext(events) == 1
    await events.aclose()
    assert ended(database)[0] is State.CANCELLED


def test_what_ran_when_the_node_died_is_marked_at_the_next_start(database: Database, clock: ManualClock) -> None:
    TransferLog(database).begin(direction=Direction.IN, study_uid=STUDY, now=1.0)
    Transfers(TransferLog(database), clock=clock)
    assert ended(database)[0] is State.INTERRUPTED


async def test_bytes_on_the_wire_are_those_of_every_channel_used(transfers: Transfers) -> None:
    with transfers.transfer(Direction.IN, STUDY, "") as transfer:
        for _ in range(2):
            one, other = make_pair()
            transfer.use(one)
            await one.send(b"12345678")
            await other.receive()
        assert transfer.wire_bytes == 2 * one.bytes_sent > 16
        assert transfer.path == "memory"


async def test_waiting_for_idleness_ends_with_the_last_transfer(transfers: Transfers) -> None:
    assert await transfers.wait_idle(0.0)
    with transfers.transfer(Direction.IN, STUDY, ""):
        assert not await transfers.wait_idle(0.0)
    assert await transfers.wait_idle(1.0)


def test_what_holders_signed_and_a_copy_that_differs_are_logged(transfers: Transfers, database: Database) -> None:
    with transfers.transfer(Direction.IN, STUDY, "") as transfer:
        transfer.evidence.append((OTHER, Evidence(bytes(32), bytes(64))))
        transfer.differing.append("Lake Clinic")
    assert ended(database) == (State.DONE, COPIES_DIFFER)
    assert TransferLog(database).manifests(transfer.number) == [SignedManifest(OTHER.raw, bytes(32), bytes(64))]
