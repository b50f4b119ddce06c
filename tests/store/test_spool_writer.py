from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.errors import DigestMismatch, SpoolFull
from idas_p2p.store.database import Database
from idas_p2p.store.spool import Spool
from tests.store.makers import begin, content, make_instance, spool, write_chunks

KEY = b"transfer 1"
DATA = bytes(range(200))
BIG = make_instance("1.9", DATA)


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def opened(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Spool:
    return Spool(
        tmp_path / "spool", database, max_bytes=1_000, gathered_size=0, seal_key=bytes(32), encrypt=request.param
    )


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_an_instance_goes_on_where_a_cut_link_left_it(opened: Spool, tmp_path: Path) -> None:
    transfer = opened.open(KEY, now=1.0)
    writer = begin(transfer, BIG)
    write_chunks(writer, DATA, stop=70)
    writer.pause()
    assert opened.used_bytes == 70
    (kept,) = transfer.partial()
    assert (kept.sop_instance_uid, kept.size, kept.kept) == ("1.9", 200, 70)
    with begin(transfer, BIG, start=70) as again:
        assert transfer.partial() == []
        assert opened.used_bytes == 200
        write_chunks(again, DATA, start=70)
        assert content(again.finish()) == content(BIG)
    assert transfer.partial() == []
    assert opened.used_bytes == 200
    assert len(files(tmp_path / "spool")) == 1


def test_a_chunk_that_disagrees_with_its_digest_is_not_written_and_the_beginning_dropped(
    opened: Spool, tmp_path: Path
) -> None:
    transfer = opened.open(KEY, now=1.0)
    writer = begin(transfer, BIG)
    write_chunks(writer, DATA, stop=50)
    with pytest.raises(DigestMismatch):
        writer.write(b"other bytes", bytes(16))
    writer.pause()
    assert (transfer.partial(), opened.used_bytes, files(tmp_path / "spool")) == ([], 0, [])


@pytest.mark.parametrize("start", [1, 69, 71, 200])
def test_no_other_start_than_the_kept_one_is_taken(opened: Spool, start: int) -> None:
    transfer = opened.open(KEY, now=1.0)
    writer = begin(transfer, BIG)
    write_chunks(writer, DATA, stop=70)
    writer.pause()
    with pytest.raises(DigestMismatch):
        begin(transfer, BIG, start=start)
    with pytest.raises(DigestMismatch):
        begin(transfer, make_instance("1.9", DATA[::-1]), start=70)
    assert len(transfer.partial()) == 1


def test_only_what_was_compared_is_kept_of_a_paused_instance(opened: Spool, tmp_path: Path) -> None:
    transfer = opened.open(KEY, now=1.0)
    writer = begin(transfer, BIG)
    write_chunks(writer, DATA, stop=30)
    writer.write(b"not compared")
    writer.pause()
    writer.pause()
    writer.abort()
    assert [one.kept for one in transfer.partial()] == [30]
    with begin(transfer, BIG, start=30) as again:
        write_chunks(again, DATA, start=30)
        assert again.finish().data.read() == DATA
    unseen = begin(transfer, make_instance("1.10", b"pixels"))
    unseen.write(b"pix")
    unseen.pause()
    assert transfer.partial() == []
    assert len(files(tmp_path / "spool")) == 1


def test_of_two_beginnings_of_one_instance_the_longer_stays(opened: Spool, tmp_path: Path) -> None:
    transfer = opened.open(KEY, now=1.0)
    first, second, third = (begin(transfer, BIG) for _ in range(3))
    for writer, stop in ((first, 40), (second, 90), (third, 60)):
        write_chunks(writer, DATA, stop=stop)
        writer.pause()
    assert [one.kept for one in transfer.partial()] == [90]
    assert opened.used_bytes == 90
    assert len(files(tmp_path / "spool")) == 2
    spool(transfer, BIG)
    assert transfer.partial() == []
    assert opened.used_bytes == 200
    assert len(files(tmp_path / "spool")) == 1


def test_an_instance_paused_after_its_last_chunk_is_finished(opened: Spool) -> None:
    transfer = opened.open(KEY, now=1.0)
    writer = begin(transfer, BIG)
    write_chunks(writer, DATA)
    writer.pause()
    assert transfer.partial() == []
    assert [one.data.read() for one in transfer.instances()] == [DATA]


def test_a_beginning_counts_in_the_bound_and_goes_with_its_transfer(opened: Spool, tmp_path: Path) -> None:
    with opened.open(KEY, now=1.0) as transfer:
        writer = begin(transfer, make_instance("1.9", bytes(900)))
        write_chunks(writer, bytes(900), stop=600)
        writer.pause()
    other = opened.open(b"transfer 2", now=2.0)
    spool(other, make_instance("1", bytes(400)))
    assert opened.used_bytes == 1_000
    spool(other, make_instance("2", bytes(1)))
    assert opened.used_bytes == 401
    assert opened.open(KEY, now=3.0).partial() == []
    assert len(files(tmp_path / "spool")) == 2


def test_a_beginning_goes_when_its_transfer_expires(opened: Spool, tmp_path: Path) -> None:
    with opened.open(KEY, now=1.0) as transfer:
        writer = begin(transfer, BIG)
        write_chunks(writer, DATA, stop=100)
        writer.pause()
    assert opened.expire(5.0) == 1
    assert (opened.used_bytes, files(tmp_path / "spool")) == (0, [])


def test_a_writer_paused_after_its_transfer_was_removed_leaves_nothing(opened: Spool, tmp_path: Path) -> None:
    writer = begin(opened.open(KEY, now=1.0), BIG)
    write_chunks(writer, DATA, stop=100)
    opened.remove(KEY)
    writer.pause()
    assert (opened.used_bytes, files(tmp_path / "spool")) == (0, [])


def test_a_beginning_that_finds_no_room_to_go_on_stays(opened: Spool) -> None:
    transfer = opened.open(KEY, now=1.0)
    writer = begin(transfer, BIG)
    write_chunks(writer, DATA, stop=100)
    writer.pause()
    other = begin(transfer, make_instance("1.10", bytes(850)))
    with pytest.raises(SpoolFull):
        begin(transfer, BIG, start=100)
    assert [one.kept for one in transfer.partial()] == [100]
    other.abort()
    begin(transfer, BIG, start=100).abort()
    assert opened.used_bytes == 0


@pytest.mark.parametrize("encrypt", [False, True])
def test_a_disk_that_fills_up_costs_the_instance_and_gives_back_its_space(
    sqlite: Database, small_disk: Path, encrypt: bool
) -> None:
    opened = Spool(small_disk / "spool", sqlite, max_bytes=10**9, gathered_size=0, seal_key=bytes(32), encrypt=encrypt)
    transfer = opened.open(KEY, now=1.0)
    data = bytes(1_200_000)
    writer = begin(transfer, make_instance("2", data))
    with pytest.raises(SpoolFull):
        write_chunks(writer, data, chunk=100_000)
    assert (opened.used_bytes, transfer.partial()) == (0, [])
    assert content(spool(transfer, make_instance("3", bytes(700_000))))[-1] == bytes(700_000)
