from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from idas_p2p.store.database import Database
from idas_p2p.store.forms import PIECE
from idas_p2p.store.place import MAX_BEGINNINGS, Forms
from idas_p2p.store.spool import Spool
from tests.store.makers import begin, make_instance, spool, write_chunks

KEY = b"transfer 1"
DATA = b"".join(number.to_bytes(4, "big") for number in range(3 * PIECE // 4 + 25))  # three pieces and 100 bytes
BIG = make_instance("1.9", DATA)
CHUNK = 50_000
OpenSpool = Callable[[], Spool]


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def open_spool(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> OpenSpool:
    """Opens the same spool, as a node does at each start."""
    return lambda: Spool(
        tmp_path / "spool", database, max_bytes=10**7, gathered_size=0, seal_key=bytes(32), encrypt=request.param
    )


def file(tmp_path: Path, ending: str) -> Path:
    (found,) = (path for path in (tmp_path / "spool").rglob("*") if path.name.endswith(ending))
    return found


def written(open_spool: OpenSpool, *, stop: int = 3 * CHUNK) -> None:
    """Write a part of an instance, and leave it as a cut link does."""
    writer = begin(open_spool().open(KEY, now=1.0), BIG)
    write_chunks(writer, DATA, stop=stop, chunk=CHUNK)
    writer.pause()


def goes_on(opened: Spool) -> int:
    """Finish the instance from what is kept; return how much was."""
    transfer = opened.open(KEY, now=2.0)
    kept = sum(one.kept for one in transfer.partial())
    with begin(transfer, BIG, start=kept) as writer:
        write_chunks(writer, DATA, start=kept, chunk=CHUNK)
        assert writer.finish().data.read() == DATA
    assert opened.used_bytes == len(DATA)
    return kept


def test_an_instance_goes_on_at_its_last_verified_chunk_after_a_restart(open_spool: OpenSpool) -> None:
    written(open_spool)
    again = open_spool()
    assert again.used_bytes == 3 * CHUNK
    assert goes_on(again) == 3 * CHUNK
    (instance,) = open_spool().open(KEY, now=3.0).instances()
    assert instance.data.read() == DATA


def test_it_goes_on_after_several_restarts(open_spool: OpenSpool) -> None:
    written(open_spool, stop=CHUNK)
    again = begin(open_spool().open(KEY, now=2.0), BIG)  # nobody asked what is kept: from the start
    write_chunks(again, DATA, stop=2 * CHUNK, chunk=CHUNK)
    again.pause()
    transfer = open_spool().open(KEY, now=3.0)
    assert [one.kept for one in transfer.partial()] == [2 * CHUNK]
    third = begin(transfer, BIG, start=2 * CHUNK)
    write_chunks(third, DATA, start=2 * CHUNK, stop=3 * CHUNK, chunk=CHUNK)
    third.pause()
    assert goes_on(open_spool()) == 3 * CHUNK


@pytest.mark.parametrize("changed", [0, CHUNK + 5, 2 * CHUNK + 5])
def test_of_a_damaged_beginning_the_chunks_before_the_damage_are_kept(
    open_spool: OpenSpool, tmp_path: Path, changed: int
) -> None:
    written(open_spool)
    path = file(tmp_path, ".part")
    data = bytearray(path.read_bytes())
    data[changed] ^= 1
    path.write_bytes(data)
    kept = goes_on(open_spool())
    assert kept % CHUNK == 0
    assert kept <= changed


def test_a_beginning_without_all_its_bytes_keeps_the_chunks_that_are_there(
    open_spool: OpenSpool, tmp_path: Path
) -> None:
    written(open_spool)
    path = file(tmp_path, ".part")
    path.write_bytes(path.read_bytes()[: 2 * CHUNK + 10_000])
    assert goes_on(open_spool()) in (CHUNK, 2 * CHUNK)  # a sealed one loses the piece that was cut


@pytest.mark.parametrize("ending", [".part", ".kept"])
def test_a_beginning_without_its_other_file_is_removed(open_spool: OpenSpool, tmp_path: Path, ending: str) -> None:
    written(open_spool)
    file(tmp_path, ending).unlink()
    again = open_spool()
    assert again.open(KEY, now=2.0).partial() == []
    assert again.used_bytes == 0
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("named", [False, True], ids=["before it had its name", "before it had its row"])
def test_an_instance_of_which_all_had_come_is_whole_after_a_restart(
    open_spool: OpenSpool, tmp_path: Path, named: bool
) -> None:
    dead = begin(open_spool().open(KEY, now=1.0), BIG)
    write_chunks(dead, DATA, chunk=CHUNK)
    if named:
        part = file(tmp_path, ".part")
        part.rename(part.with_suffix(""))
    again = open_spool()
    transfer = again.open(KEY, now=2.0)
    assert transfer.partial() == []
    assert [one.data.read() for one in transfer.instances()] == [DATA]
    assert again.used_bytes == len(DATA)
    assert len([path for path in (tmp_path / "spool").rglob("*") if path.is_file()]) == 1
    dead.abort()


def test_a_beginning_of_an_instance_that_is_whole_is_removed_at_start(open_spool: OpenSpool) -> None:
    opened = open_spool()
    transfer = opened.open(KEY, now=1.0)
    begun = begin(transfer, BIG)
    write_chunks(begun, DATA, stop=CHUNK, chunk=CHUNK)
    spool(transfer, BIG)
    again = open_spool()
    assert again.open(KEY, now=2.0).partial() == []
    assert again.used_bytes == len(DATA)
    begun.abort()


def test_no_transfer_keeps_more_beginnings_than_a_request_can_name(open_spool: OpenSpool, tmp_path: Path) -> None:
    opened = open_spool()
    transfer = opened.open(KEY, now=1.0)
    for number in range(MAX_BEGINNINGS + 2):
        data = bytes(number + 3)
        writer = begin(transfer, make_instance(f"1.{number}", data))
        write_chunks(writer, data, stop=number + 1, chunk=1)
        writer.pause()
    kept = [one.kept for one in transfer.partial()]
    assert kept == sorted(range(3, MAX_BEGINNINGS + 3), reverse=True)
    assert opened.used_bytes == sum(kept)


def test_sealed_files_stay_in_use_when_sealing_is_switched_off_and_plain_ones_go_when_it_is_switched_on() -> None:
    key = b"k" * 32
    on, off, without = Forms(key, True), Forms(key), Forms()
    assert (on.of("a.sealed"), on.of("a")) == (on.new, None)
    assert (off.of("a.sealed"), off.of("a")) == (on.new, off.new)
    assert (without.of("a.sealed"), without.of("a")) == (None, off.new)


WRITER = """
import sys
from pathlib import Path
from idas_p2p.store.database import Database
from idas_p2p.store.spool import Spool
from tests.store.makers import begin, make_instance, write_chunks
folder, encrypt = Path(sys.argv[1]), sys.argv[2] == "sealed"
data = bytes(range(250)) * 80_000
database = Database.open(f"sqlite:///{folder}/node.db")
opened = Spool(folder / "spool", database, max_bytes=10**9, gathered_size=0, seal_key=bytes(32), encrypt=encrypt)
transfer = opened.open(b"transfer 1", now=1.0)
kept = sum(one.kept for one in transfer.partial())
print(kept, flush=True)
writer = begin(transfer, make_instance("1.9", data), start=kept)
for offset in range(kept, len(data), 256_000):
    write_chunks(writer, data, start=offset, stop=offset + 1, chunk=256_000)
    print(min(offset + 256_000, len(data)), flush=True)
"""


@pytest.mark.parametrize("form", ["plain", "sealed"])
def test_killed_again_and_again_a_large_instance_loses_at_most_one_chunk_each_time(tmp_path: Path, form: str) -> None:
    data, reported = bytes(range(250)) * 80_000, 0
    for reports in (1, 2, 7, 12):
        command = [sys.executable, "-c", WRITER, str(tmp_path), form]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(1 + reports)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.read().split()
        assert int(lines[0]) >= reported
        reported = int(lines[-1])
        writer.stdout.close()
        writer.wait()
    database = Database.open(f"sqlite:///{tmp_path}/node.db")
    opened = Spool(
        tmp_path / "spool", database, max_bytes=10**9, gathered_size=0, seal_key=bytes(32), encrypt=form == "sealed"
    )
    transfer = opened.open(KEY, now=2.0)
    kept = sum(one.kept for one in transfer.partial())
    assert reported <= kept <= reported + 256_000
    with begin(transfer, make_instance("1.9", data), start=kept) as again:
        write_chunks(again, data, start=kept, chunk=256_000)
        assert again.finish().data.read() == data
    database.close()
