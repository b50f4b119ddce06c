from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.blob import FileBlob, MemoryBlob
from idas_p2p.errors import SpoolFull, StorageRefused
from idas_p2p.store import scratch
from idas_p2p.store.database import Database
from idas_p2p.store.forms import PIECE
from idas_p2p.store.spool import Spool
from tests.store.makers import make_instance, spool

BOUND = 10_000_000


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def opened(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", database, max_bytes=BOUND, seal_key=bytes(32), encrypt=request.param)


def data_of(number: int, size: int) -> MemoryBlob:
    return MemoryBlob((f"CANARY {number} ".encode() * (size // 8 + 1))[:size])


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_was_kept_is_read_at_any_offset(opened: Spool) -> None:
    place = opened.scratch()
    sizes = (0, 1, 1_000, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5, 2_500_000)
    kept = [(data_of(number, size), place.keep(data_of(number, size))) for number, size in enumerate(sizes)]
    for data, blob in kept:
        assert blob.size == data.size
        assert blob.read() == data.read()
        for offset in (1, PIECE - 3, PIECE, 2 * PIECE + 1):
            assert blob.read(offset, 100) == data.read(offset, 100)
    assert opened.used_bytes == sum(sizes)
    place.close()


def test_closing_leaves_nothing_and_takes_nothing_more(opened: Spool, tmp_path: Path) -> None:
    place = opened.scratch()
    place.keep(data_of(1, 100_000))
    place.hold(5_000)
    place.hold(7_000)
    place.free(5_000)
    assert opened.used_bytes == 107_000
    place.close()
    place.close()
    place.free(7_000)
    assert (opened.used_bytes, files(tmp_path / "spool")) == (0, [])
    with pytest.raises(StorageRefused):
        place.keep(data_of(1, 1))


def test_the_space_of_a_file_comes_back_when_all_in_it_was_dropped(
    opened: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "SEGMENT", 2 * PIECE)
    place = opened.scratch()
    kept = [place.keep(data_of(number, PIECE)) for number in range(5)]
    place.drop(kept[0])
    assert opened.used_bytes == 5 * PIECE
    place.drop(kept[1])
    assert opened.used_bytes == 3 * PIECE
    assert [blob.read() for blob in kept[2:]] == [data_of(number, PIECE).read() for number in (2, 3, 4)]
    place.close()


def test_what_somebody_still_reads_stays_readable_after_the_end(opened: Spool, tmp_path: Path) -> None:
    place = opened.scratch()
    read = place.keep(data_of(1, 100_000))
    place.drop(read)
    place.close()
    assert read.read() == data_of(1, 100_000).read()
    del read
    assert files(tmp_path / "spool") == []


def test_a_full_spool_keeps_what_it_has(opened: Spool) -> None:
    place = opened.scratch()
    kept = place.keep(data_of(1, BOUND - 10))
    with pytest.raises(SpoolFull):
        place.keep(data_of(2, 11))
    assert place.keep(data_of(3, 10)).read() == data_of(3, 10).read()
    assert kept.read(0, 8) == b"CANARY 1"
    place.close()


def test_old_transfers_make_room(opened: Spool) -> None:
    with opened.open(b"key", now=1.0) as transfer:
        spool(transfer, make_instance(data=bytes(BOUND // 2)))
    place = opened.scratch()
    place.keep(data_of(1, BOUND - 10))
    assert opened.open(b"key", now=2.0).instances() == []
    place.close()


def test_a_data_set_that_cannot_be_read_takes_no_space(opened: Spool, tmp_path: Path) -> None:
    place = opened.scratch()
    with pytest.raises(StorageRefused):
        place.keep(FileBlob(tmp_path / "gone", 0, 100))
    assert opened.used_bytes == 0
    place.close()


def test_nothing_of_it_is_there_after_a_restart(opened: Spool, database: Database, tmp_path: Path) -> None:
    place = opened.scratch()
    place.keep(data_of(1, 1_000))
    sealed = [b"CANARY" not in path.read_bytes() for path in files(tmp_path / "spool")]
    assert sealed == [opened.seals]
    again = Spool(tmp_path / "spool", database, max_bytes=BOUND)
    assert (again.used_bytes, files(tmp_path / "spool")) == (0, [])
    place.close()
