from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from idas_p2p.directory import journal
from idas_p2p.directory.journal import Journal
from idas_p2p.directory.keeping import Keeper
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.storage import RecordStore
from tests.directory.network import ManualClock, peer, record, until
from tests.directory.virtual import in_virtual_time

CLOCK = ManualClock()


async def kept(folder: Path, clock: ManualClock = CLOCK) -> tuple[Keeper, RecordStore]:
    storage = RecordStore(clock=clock)
    keeper = Keeper(storage, storage_path=folder / "j", known_contacts_path=folder / "c", pace=Pace(sweep=0.01))
    await keeper.restore()
    return keeper, storage


def offered(storage: RecordStore, count: int, *, clock: ManualClock = CLOCK) -> list[bytes]:
    lot = [record(number, number, now=clock.now(), payload=bytes(300)).to_bytes() for number in range(count)]
    assert {storage.offer(data) for data in lot} == {None}
    return lot


def held(storage: RecordStore) -> set[bytes]:
    return {slot.data for slot in storage.slots()}


async def test_what_is_held_and_known_at_the_end_is_there_at_the_next_start(tmp_path: Path) -> None:
    keeper, storage = await kept(tmp_path)
    lot = offered(storage, 300)
    keeper.close([peer(1).contact])
    keeper, again = await kept(tmp_path)
    assert held(again) == set(lot)
    assert keeper.saved == [peer(1).contact]


async def test_what_expired_meanwhile_does_not_come_back(tmp_path: Path) -> None:
    keeper, storage = await kept(tmp_path)
    offered(storage, 3)
    keeper.close([])
    late = ManualClock(unix=CLOCK.now() + 86_400.0)
    _, again = await kept(tmp_path, late)
    assert held(again) == set()
    assert again.keys() == []


async def test_the_journal_is_rewritten_when_half_of_it_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SLACK", 1_000)
    clock = ManualClock()
    keeper, storage = await kept(tmp_path, clock)
    offered(storage, 50, clock=clock)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(keeper.run(lambda: [peer(1).contact]))
        await until(lambda: keeper.saved == [peer(1).contact])
        before = (tmp_path / "j").stat().st_size
        clock.advance(86_400.0)
        await until(lambda: not storage.keys())
        last = offered(storage, 1, clock=clock)
        await until(lambda: [data for _, data in Journal(tmp_path / "j").read()] == last)
        running.cancel()
    assert (tmp_path / "j").stat().st_size < before / 10


@in_virtual_time
async def test_a_disk_that_takes_nothing_costs_the_copy_and_not_the_service(tmp_path: Path) -> None:
    keeper, storage = await kept(tmp_path)
    lot = offered(storage, 3)
    (tmp_path / "j").unlink()
    (tmp_path / "j").mkdir()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(keeper.run(list))
        await asyncio.sleep(1.0)
        assert held(storage) == set(lot)
        assert not running.done()
        (tmp_path / "j").rmdir()
        await asyncio.sleep(1.0)
        running.cancel()
    assert {data for _, data in Journal(tmp_path / "j").read()} == set(lot)
