from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p.blob import FileBlob, MemoryBlob
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.messages import ReceivedFile
from idas_p2p.node.keeping import Keeping, Memory, Reader, Slot
from idas_p2p.store.database import Database
from idas_p2p.store.spool import Spool
from tests.node.shelving import WHOLE, image


def spool_of(database: Database, tmp_path: Path, *, encrypt: bool = False) -> Spool:
    return Spool(tmp_path / "spool", database, max_bytes=10_000, seal_key=bytes(32), encrypt=encrypt)


def slot_of(number: int, size: int = 1_000) -> Slot:
    instance = image(number, size)
    return Slot(instance, instance.sop_instance_uid, number, size)


def received(tmp_path: Path, number: int, size: int) -> Slot:
    path = tmp_path / f"received-{number}"
    path.write_bytes(bytes([number]) * size)
    slot = slot_of(number, size)
    slot.instance = replace(image(number), data=ReceivedFile(path, 0, size))
    return slot


def test_a_reader_needs_what_it_may_still_send_and_one_that_keeps_what_it_did_not_take() -> None:
    reading, keeping = Reader(WHOLE, keeps=False, position=2), Reader(WHOLE, keeps=True)
    keeping.taken.add(slot_of(1).sop_instance_uid)
    assert [reading.needs(slot_of(number)) for number in (1, 2, 99)] == [False, True, True]
    assert [keeping.needs(slot_of(number)) for number in (1, 2)] == [False, True]


async def test_the_oldest_go_to_the_disk_when_memory_is_over_its_bound(
    database: Database, bridge: Bridge, tmp_path: Path
) -> None:
    spool, memory = spool_of(database, tmp_path), Memory(2_500)
    keeping, slots = Keeping(spool.scratch(), bridge, memory), [slot_of(number) for number in range(4)]
    for slot in slots:
        keeping.add(slot)
    while keeping.is_over:
        assert await keeping.bring_to_disk()
    in_memory = [isinstance(slot.instance.data, MemoryBlob) for slot in slots if slot.instance]
    assert in_memory == [False, False, False, True]  # down to half of the bound, in one go
    assert (memory.used, spool.used_bytes) == (1_000, 3_000)
    assert slots[0].instance is not None
    assert slots[0].instance.data.read() == image(0).data.read()
    keeping.close()
    await bridge.run(lambda: None)
    assert memory.used == 0


async def test_what_no_reader_needs_is_let_go_the_oldest_first(
    database: Database, bridge: Bridge, tmp_path: Path
) -> None:
    memory = Memory(4_000)
    keeping = Keeping(spool_of(database, tmp_path).scratch(), bridge, memory)
    slots, reader = [slot_of(number) for number in range(3)], Reader(WHOLE, keeps=True)
    for slot in slots:
        keeping.add(slot)
    await keeping.bring_to_disk()
    assert not keeping.let_go([reader])
    reader.taken |= {slots[0].sop_instance_uid, slots[2].sop_instance_uid}
    assert keeping.let_go([reader])
    assert [slot.instance is None for slot in slots] == [True, False, False]
    assert keeping.let_go([reader])
    assert [slot.instance is None for slot in slots] == [True, False, True]
    assert (keeping.let_go([reader]), memory.used) == (False, 1_000)
    assert keeping.let_go([])
    assert memory.used == 0


async def test_a_file_of_the_archive_costs_nothing(database: Database, bridge: Bridge, tmp_path: Path) -> None:
    keeping, slot = Keeping(spool_of(database, tmp_path).scratch(), bridge, Memory(0)), slot_of(1)
    slot.instance = replace(image(1), data=FileBlob(tmp_path / "archive.dcm", 0, 10**9))
    keeping.add(slot)
    assert not keeping.is_over
    assert not keeping.let_go([])


@pytest.mark.parametrize("encrypt", [False, True])
async def test_a_large_instance_counts_where_it_was_received_unless_it_must_be_sealed(
    database: Database, bridge: Bridge, tmp_path: Path, encrypt: bool
) -> None:
    spool = spool_of(database, tmp_path, encrypt=encrypt)
    keeping, slot = Keeping(spool.scratch(), bridge, Memory(10**9)), received(tmp_path, 1, 6_000)
    keeping.add(slot)
    assert keeping.is_over
    assert await keeping.bring_to_disk()
    assert spool.used_bytes == 6_000
    assert slot.instance is not None
    assert isinstance(slot.instance.data, ReceivedFile) is not encrypt
    assert slot.instance.data.read() == b"\1" * 6_000
    keeping.add(second := received(tmp_path, 2, 6_000))
    assert not await keeping.bring_to_disk()
    assert keeping.let_go([]) or encrypt
    if not encrypt:
        assert await keeping.bring_to_disk()
        assert second.is_held
    keeping.close()
