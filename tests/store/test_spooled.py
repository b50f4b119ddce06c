from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.crypto.digest import data_digest
from idas_p2p.errors import DigestMismatch, SpoolFull, StorageRefused
from idas_p2p.store.database import Database
from idas_p2p.store.spool import Spool
from idas_p2p.store.spooled import SpooledTransfer
from tests.store.makers import begin, content, make_instance, spool


@pytest.fixture
def opened(database: Database, tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", database, max_bytes=10_000, gathered_size=0)


@pytest.fixture
def transfer(opened: Spool) -> SpooledTransfer:
    return opened.open(b"key", now=1.0)


def is_empty(opened: Spool, transfer: SpooledTransfer, tmp_path: Path) -> bool:
    files = [path for path in (tmp_path / "spool").rglob("*") if path.is_file()]
    return (opened.used_bytes, transfer.instances(), files) == (0, [], [])


def test_an_instance_written_in_pieces_comes_back_whole(transfer: SpooledTransfer) -> None:
    instance = make_instance(data=b"one two three")
    with begin(transfer, instance) as writer:
        for piece in (b"one ", b"", b"two ", b"three"):
            writer.write(piece)
        assert content(writer.finish()) == content(instance)


@pytest.mark.parametrize("sent", [b"pixelS", b"pixel", b""])
def test_other_bytes_than_announced_are_thrown_away(
    opened: Spool, transfer: SpooledTransfer, tmp_path: Path, sent: bytes
) -> None:
    writer = begin(transfer, make_instance(data=b"pixels"))
    writer.write(sent)
    with pytest.raises(DigestMismatch):
        writer.finish()
    assert is_empty(opened, transfer, tmp_path)


def test_more_bytes_than_announced_are_refused_before_they_are_written(
    opened: Spool, transfer: SpooledTransfer, tmp_path: Path
) -> None:
    writer = begin(transfer, make_instance(data=b"pixels"))
    with pytest.raises(DigestMismatch):
        writer.write(b"pixels and more")
    assert is_empty(opened, transfer, tmp_path)


def test_a_block_left_before_the_end_leaves_nothing(opened: Spool, transfer: SpooledTransfer, tmp_path: Path) -> None:
    with begin(transfer, make_instance()) as writer:
        writer.write(b"pix")
    writer.abort()
    assert is_empty(opened, transfer, tmp_path)


def test_an_instance_finished_twice_is_kept_once(opened: Spool, transfer: SpooledTransfer) -> None:
    first, second = begin(transfer, make_instance()), begin(transfer, make_instance())
    for writer in (first, second):
        writer.write(b"pixels")
    assert first.finish() == second.finish()
    assert len(transfer.instances()) == 1
    assert opened.used_bytes == len(b"pixels")


def test_a_full_disk_is_named_and_what_was_finished_stays(sqlite: Database, small_disk: Path) -> None:
    opened = Spool(small_disk / "spool", sqlite, max_bytes=10**9, gathered_size=0)
    transfer = opened.open(b"key", now=1.0)
    spool(transfer, make_instance("1", bytes(300_000)))
    writer = begin(transfer, make_instance("2", bytes(900_000)))
    with pytest.raises(SpoolFull):
        writer.write(bytes(900_000))
    spool(transfer, make_instance("3", bytes(300_000)))
    assert [one.sop_instance_uid for one in transfer.instances()] == ["1", "3"]
    assert opened.used_bytes == 600_000


def test_writing_to_a_removed_transfer_is_refused_and_gives_back_its_space(
    opened: Spool, transfer: SpooledTransfer
) -> None:
    writer = begin(transfer, make_instance())
    opened.remove(b"key")
    writer.write(b"pixels")
    with pytest.raises(StorageRefused):
        writer.finish()
    assert opened.used_bytes == 0


def test_the_digests_of_whole_instances_are_known(transfer: SpooledTransfer) -> None:
    spool(transfer, make_instance("1.1", b"one"))
    begin(transfer, make_instance("1.2", b"two")).abort()
    assert transfer.digests() == {"1.1": data_digest(b"one")}


def test_a_dropped_instance_makes_way_for_another_copy(
    opened: Spool, transfer: SpooledTransfer, tmp_path: Path
) -> None:
    spool(transfer, make_instance("1.1", b"wrong copy"))
    transfer.drop("1.1")
    transfer.drop("1.1")
    assert is_empty(opened, transfer, tmp_path)
    spool(transfer, make_instance("1.1", b"right copy"))
    assert [one.data.read() for one in transfer.instances()] == [b"right copy"]
