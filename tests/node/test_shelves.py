from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.errors import ArchiveFailed, Busy, InstanceChanged, NodeStopping, StudyNotFound
from idas_p2p.node import shelves as module
from idas_p2p.node.shelf import AHEAD
from idas_p2p.node.shelves import Lease, Shelves
from idas_p2p.store.database import Database
from idas_p2p.store.spool import Spool
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from tests.node.nodes import data_of, failed_in, total_of, until
from tests.node.shelving import STUDY, WHOLE, Archive, image, renamed, settle

BOUND = 1_000_000  # bytes of the spool


@pytest.fixture
def spool(database: Database, tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", database, max_bytes=BOUND, seal_key=bytes(32), encrypt=True)


@pytest.fixture
async def shelves(spool: Spool, bridge: Bridge) -> AsyncIterator[Shelves]:
    made = Shelves(spool.scratch, bridge, memory=5_000)
    yield made
    await made.stop()


@dataclass
class Asker:
    """Reads a lease in a task of its own."""

    lease: Lease
    events: list[RetrieveEvent] = field(default_factory=list)
    most: int = 1_000_000  # events after which it leaves early

    async def read(self) -> list[RetrieveEvent]:
        async with self.lease, aclosing(self.lease.events()) as events:
            async for event in events:
                self.events.append(event)
                if len(self.events) == self.most:
                    raise ConnectionResetError
        return self.events


def bytes_of(archive: Archive) -> dict[str, bytes]:
    return {one.sop_instance_uid: one.data.read() for one in archive.events if isinstance(one, Instance)}


async def test_one_asker_gets_what_the_archive_gives_and_no_file_is_written(
    shelves: Shelves, spool: Spool, tmp_path: Path
) -> None:
    lost = InstanceFailed(sop_instance_uid=f"{STUDY}.9", reason=ArchiveFailed())
    archive = Archive([Total(4), *(image(number) for number in range(3)), lost])
    events = await Asker(shelves.open(WHOLE, archive.pull)).read()
    assert data_of(events) == bytes_of(archive)
    assert (total_of(events), failed_in(events)) == (4, [f"{STUDY}.9"])
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []
    assert (len(shelves), spool.used_bytes) == (0, 0)


async def test_whoever_asks_while_a_study_is_pulled_shares_the_pull_and_gets_all_of_it(shelves: Shelves) -> None:
    archive = Archive([Total(40), *(image(number, 500) for number in range(40))], free=21)
    first = Asker(shelves.open(WHOLE, archive.pull))
    second = Asker(shelves.open(WHOLE, archive.pull))
    async with asyncio.TaskGroup() as group:
        group.create_task(first.read())
        await until(lambda: len(first.events) == 21)
        group.create_task(second.read())
        await until(lambda: len(second.events) == 21)
        archive.allow(20)
    assert data_of(first.events) == data_of(second.events) == bytes_of(archive)
    assert (len(archive.asked), archive.given) == (1, 40)


async def test_who_asks_for_a_series_shares_the_pull_of_its_study(shelves: Shelves) -> None:
    images = [image(number, series=1 + number % 2) for number in range(10)]
    archive = Archive([Total(10), *images])
    whole = shelves.open(WHOLE, archive.pull)
    part = shelves.open(Selection(study_uid=STUDY, series_uids=(f"{STUDY}.2",)), archive.pull)
    other = shelves.open(Selection(study_uid=STUDY, series_uids=(f"{STUDY}.7",)), archive.pull)
    events, _ = await asyncio.gather(Asker(part).read(), Asker(whole).read())
    assert set(data_of(events)) == {one.sop_instance_uid for one in images if one.series_uid == f"{STUDY}.2"}
    assert total_of(events) == 5
    assert isinstance(events[0], Total)
    with pytest.raises(StudyNotFound):
        await Asker(other).read()
    assert len(archive.asked) == 1


async def test_who_asks_when_all_have_left_starts_anew(shelves: Shelves) -> None:
    archive = Archive([Total(1), image(1)])
    for _ in range(2):
        await Asker(shelves.open(WHOLE, archive.pull)).read()
    assert len(archive.asked) == 2


async def test_a_study_that_grew_since_its_pull_ended_is_pulled_anew(shelves: Shelves) -> None:
    archive = Archive([Total(1), image(1)])
    slow = shelves.open(WHOLE, archive.pull)
    await Asker(shelves.open(WHOLE, archive.pull)).read()
    archive.events.append(image(2))
    assert len(data_of(await Asker(shelves.open(WHOLE, archive.pull, at_least=1)).read())) == 1
    assert len(data_of(await Asker(shelves.open(WHOLE, archive.pull, at_least=2)).read())) == 2
    assert len(data_of(await Asker(slow).read())) == 1


async def test_the_failure_of_the_pull_reaches_every_asker_after_what_came(shelves: Shelves) -> None:
    archive = Archive([Total(2), image(1), ArchiveFailed("broke off")])
    askers = [Asker(shelves.open(WHOLE, archive.pull)) for _ in range(3)]
    results = await asyncio.gather(*(asker.read() for asker in askers), return_exceptions=True)
    assert [type(result) for result in results] == [ArchiveFailed] * 3
    assert [len(data_of(asker.events)) for asker in askers] == [1, 1, 1]
    assert len(shelves) == 0


async def test_a_pull_that_nobody_waits_for_any_more_ends_at_once(shelves: Shelves, spool: Spool) -> None:
    archive = Archive([Total(9), *(image(number, 3_000) for number in range(9))], free=5)
    with pytest.raises(ConnectionResetError):
        await Asker(shelves.open(WHOLE, archive.pull), most=3).read()
    await until(lambda: archive.closed == 1 and spool.used_bytes == 0)
    assert len(shelves) == 0


async def test_a_requester_whose_link_was_cut_finds_the_pull_where_it_was(shelves: Shelves, spool: Spool) -> None:
    archive = Archive([Total(9), *(image(number, 3_000) for number in range(9))], free=5)
    with pytest.raises(ConnectionResetError):
        await Asker(shelves.open(WHOLE, archive.pull, linger=1_000), most=4).read()
    archive.allow(5)
    assert data_of(await Asker(shelves.open(WHOLE, archive.pull, linger=1_000)).read()) == bytes_of(archive)
    assert (len(archive.asked), archive.given) == (1, 9)
    await until(lambda: spool.used_bytes == 0)


async def test_a_cut_link_that_does_not_come_back_ends_the_pull_after_a_moment(shelves: Shelves) -> None:
    archive = Archive([Total(9), *(image(number) for number in range(9))], free=5)
    with pytest.raises(ConnectionResetError):
        await Asker(shelves.open(WHOLE, archive.pull, linger=0.001), most=2).read()
    await until(lambda: archive.closed == 1)
    assert len(shelves) == 0


async def test_the_archive_is_asked_only_as_fast_as_the_fastest_asker_takes(shelves: Shelves) -> None:
    size = AHEAD // 4
    archive = Archive([Total(40), *(image(number, size) for number in range(40))])
    asker = shelves.open(WHOLE, archive.pull)
    async with asker, aclosing(asker.events()) as events:
        await settle()
        assert archive.given <= 6
        for _ in range(11):
            await anext(events)
        await settle()
        assert 10 <= archive.given <= 16


async def test_an_instance_can_be_had_again_until_it_was_taken(shelves: Shelves, spool: Spool) -> None:
    archive = Archive([Total(20), *(image(number, 2_000) for number in range(20))])
    async with shelves.open(WHOLE, archive.pull, keeps=True) as lease:
        listed = [event.sop_instance_uid async for event in lease.events() if isinstance(event, Instance)]
        for uid in reversed(listed * 2):
            assert (await lease.instance(uid)).data.read() == bytes_of(archive)[uid]
        with pytest.raises(InstanceChanged):
            await lease.instance("9.9")
        assert spool.used_bytes >= 30_000
    assert len(archive.asked) == 1
    await until(lambda: spool.used_bytes == 0)


async def test_little_stays_in_memory_and_nothing_on_the_disk_can_be_read(
    shelves: Shelves, spool: Spool, tmp_path: Path
) -> None:
    archive = Archive([Total(20), *(renamed(image(number), b"CANARY^BIRD" * 200) for number in range(20))])
    async with shelves.open(WHOLE, archive.pull, keeps=True) as lease:
        listed = [event.sop_instance_uid async for event in lease.events() if isinstance(event, Instance)]
        held = [(await lease.instance(uid)).data for uid in listed]
        assert sum(data.size for data in held if isinstance(data, MemoryBlob)) <= 5_000
        files = [path for path in (tmp_path / "spool").rglob("*") if path.is_file()]
        assert files
        assert not any(b"CANARY" in path.read_bytes() for path in files)


async def test_where_the_spool_is_full_what_was_taken_goes_first_and_the_archive_waits(
    shelves: Shelves, spool: Spool
) -> None:
    size = BOUND // 10
    archive = Archive([Total(30), *(image(number, size) for number in range(30))])
    async with shelves.open(WHOLE, archive.pull, keeps=True) as lease, aclosing(lease.events()) as events:
        came = [event.sop_instance_uid for event in [await anext(events) for _ in range(8)][1:]]  # type: ignore[union-attr]
        for event in [await anext(events) for _ in range(4)]:
            came.append(event.sop_instance_uid)  # type: ignore[union-attr]
        more = asyncio.get_running_loop().create_task(_collect(events))
        await until(lambda: spool.used_bytes > BOUND - size)
        await settle()
        waiting = archive.given
        assert waiting < 16
        for uid in came:
            assert len((await lease.instance(uid)).data.read()) == size
            lease.taken(uid)
        await until(lambda: archive.given > waiting)
        assert spool.used_bytes <= BOUND
        for uid in came:  # also what was let go can be had again, from the archive
            assert (await lease.instance(uid)).data.read() == bytes_of(archive)[uid]
        more.cancel()
        await asyncio.wait([more])


async def _collect(events: AsyncIterator[RetrieveEvent]) -> None:
    async for _ in events:
        pass


async def test_a_late_asker_gets_what_was_let_go_from_the_archive_again(
    bridge: Bridge, database: Database, tmp_path: Path
) -> None:
    small = Spool(tmp_path / "spool", database, max_bytes=10_000)
    shelves = Shelves(small.scratch, bridge, memory=5_000)
    archive = Archive([Total(60), *(image(number) for number in range(60))], free=58)
    first = Asker(shelves.open(WHOLE, archive.pull))
    async with asyncio.TaskGroup() as group:
        group.create_task(first.read())
        await until(lambda: len(first.events) >= 20)
        late = Asker(shelves.open(WHOLE, archive.pull))
        archive.allow(1_000)
        group.create_task(late.read())
    assert data_of(first.events) == data_of(late.events) == bytes_of(archive)
    await shelves.stop()


async def test_stopping_ends_every_asker_and_leaves_nothing(shelves: Shelves, spool: Spool) -> None:
    archive = Archive([Total(9), *(image(number, 3_000) for number in range(9))], free=5)
    asker = Asker(shelves.open(WHOLE, archive.pull))
    reading = asyncio.get_running_loop().create_task(asker.read())
    await until(lambda: len(asker.events) == 5)
    await shelves.stop()
    with pytest.raises(NodeStopping):
        await reading
    await until(lambda: spool.used_bytes == 0)


async def test_too_many_pulls_are_refused(bridge: Bridge, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SHELVES", 1)
    shelves, archive = Shelves(spool.scratch, bridge), Archive([])
    shelves.open(WHOLE, archive.pull)
    with pytest.raises(Busy):
        shelves.open(Selection(study_uid="9.9"), archive.pull)
    await shelves.stop()
