from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.errors import DigestMismatch, InstanceChanged, StorageRefused
from idas_p2p.store.database import Database
from idas_p2p.store.gathered_writer import GatheredWriter
from idas_p2p.store.spool import Spool
from idas_p2p.store.spooled import SpooledTransfer
from tests.store.makers import begin, content, make_instance, spool, write_chunks

LIMIT = 100


@pytest.fixture
def opened(database: Database, tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", database, max_bytes=10_000, gathered_size=LIMIT)


@pytest.fixture
def transfer(opened: Spool) -> SpooledTransfer:
    return opened.open(b"key", now=1.0)


def is_empty(opened: Spool, transfer: SpooledTransfer) -> bool:
    return (opened.used_bytes, transfer.instances()) == (0, [])


@pytest.mark.parametrize(("size", "gathered"), [(1, True), (LIMIT, True), (LIMIT + 1, False), (0, False)])
def test_only_instances_up_to_the_limit_are_gathered(transfer: SpooledTransfer, size: int, gathered: bool) -> None:
    with begin(transfer, make_instance(data=bytes(size))) as writer:
        assert isinstance(writer, GatheredWriter) == gathered


def test_an_instance_written_in_pieces_comes_back_whole(transfer: SpooledTransfer) -> None:
    instance = make_instance(data=b"one two three")
    with begin(transfer, instance) as writer:
        for piece in (b"one ", b"", b"two ", b"three"):
            writer.write(piece)
        assert content(writer.finish()) == content(instance)
    assert [content(one) for one in transfer.instances()] == [content(instance)]


@pytest.mark.parametrize("sent", [b"pixelS", b"pixel", b""])
def test_other_bytes_than_announced_are_thrown_away(opened: Spool, transfer: SpooledTransfer, sent: bytes) -> None:
    writer = begin(transfer, make_instance(data=b"pixels"))
    writer.write(sent)
    with pytest.raises(DigestMismatch):
        writer.finish()
    writer.abort()
    assert is_empty(opened, transfer)


@pytest.mark.parametrize(("piece", "digest"), [(b"pixels and more", None), (b"pix", bytes(16))])
def test_a_wrong_piece_ends_the_instance_at_once(
    opened: Spool, transfer: SpooledTransfer, piece: bytes, digest: bytes | None
) -> None:
    writer = begin(transfer, make_instance(data=b"pixels"))
    with pytest.raises(DigestMismatch):
        writer.write(piece, digest)
    writer.abort()
    assert is_empty(opened, transfer)


@pytest.mark.parametrize("sent", [6, 3])
def test_a_paused_instance_stays_only_if_all_of_it_came(opened: Spool, transfer: SpooledTransfer, sent: int) -> None:
    writer = begin(transfer, make_instance(data=b"pixels"))
    write_chunks(writer, b"pixels", stop=sent, chunk=3)
    writer.pause()
    writer.pause()
    assert len(transfer.instances()) == sent // 6
    assert opened.used_bytes == (6 if sent == 6 else 0)
    assert transfer.partial() == []


def test_an_instance_finished_twice_is_kept_once(opened: Spool, transfer: SpooledTransfer) -> None:
    first, second = begin(transfer, make_instance()), begin(transfer, make_instance())
    for writer in (first, second):
        writer.write(b"pixels")
    assert first.finish() == second.finish()
    assert len(transfer.instances()) == 1
    assert opened.used_bytes == len(b"pixels")


def test_an_instance_of_which_another_version_is_here_is_refused_by_its_name(
    opened: Spool, transfer: SpooledTransfer
) -> None:
    kept = spool(transfer, make_instance(data=b"pixels"))
    writer = begin(transfer, make_instance(data=b"PIXELS"))
    writer.write(b"PIXELS")
    with pytest.raises(InstanceChanged):
        writer.finish()
    assert [content(one) for one in transfer.instances()] == [content(kept)]
    assert opened.used_bytes == len(b"pixels")


def test_writing_to_a_removed_transfer_is_refused_and_gives_back_its_space(
    opened: Spool, transfer: SpooledTransfer
) -> None:
    spool(transfer, make_instance("1.2"))
    writer = begin(transfer, make_instance())
    opened.remove(b"key")
    writer.write(b"pixels")
    with pytest.raises(StorageRefused):
        writer.finish()
    assert opened.used_bytes == 0
