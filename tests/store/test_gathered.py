from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from idas_p2p.errors import SpoolFull
from idas_p2p.store.database import Database
from idas_p2p.store.gathered import INDEX, RECENT
from idas_p2p.store.spool import Spool
from tests.store.makers import content, make_instance, spool

KEY = b"transfer 1"
OpenSpool = Callable[[], Spool]


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def open_spool(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> OpenSpool:
    """Opens the same spool, as a node does at each start."""
    return lambda: Spool(tmp_path / "spool", database, max_bytes=10**8, seal_key=bytes(32), encrypt=request.param)


def files(root: Path) -> list[Path]:
    return sorted(path for path in (root / "spool").rglob("*") if path.is_file())


def data_file(root: Path) -> Path:
    (found,) = [path for path in files(root) if not path.name.endswith(INDEX)]
    return found


def of_size(number: int, size: int) -> bytes:
    return bytes([number]) * size


def test_instances_share_a_file_and_are_there_after_a_restart(open_spool: OpenSpool, tmp_path: Path) -> None:
    sizes = {"1.1": 5, "1.2": 70_000, "1.3": 1, "1.4": 65_536}
    with open_spool().open(KEY, now=1.0) as transfer:
        finished = [
            spool(transfer, make_instance(uid, of_size(number, size)))
            for number, (uid, size) in enumerate(sizes.items())
        ]
        assert len(files(tmp_path)) == 2
        before = [content(one) for one in finished]
    again = open_spool()
    assert again.used_bytes == sum(sizes.values())
    with again.open(KEY, now=2.0) as transfer:
        assert [content(one) for one in transfer.instances()] == before
        assert [len(one[-1]) for one in before] == list(sizes.values())


def test_what_is_no_longer_in_memory_is_read_from_its_place_in_the_file(open_spool: OpenSpool) -> None:
    with open_spool().open(KEY, now=1.0) as transfer:
        size = RECENT // 3
        finished = [spool(transfer, make_instance(f"1.{number}", of_size(number, size))) for number in range(8)]
        assert [one.data.read() for one in finished] == [of_size(number, size) for number in range(8)]
        assert [one.data.read(3, 4) for one in finished] == [of_size(number, 4) for number in range(8)]


@pytest.mark.parametrize("restarts", [False, True])
def test_one_dropped_stays_dropped_and_makes_way_for_another_copy(open_spool: OpenSpool, restarts: bool) -> None:
    opened = open_spool()
    transfer = opened.open(KEY, now=1.0)
    spool(transfer, make_instance("1.1", b"wrong copy"))
    spool(transfer, make_instance("1.2", b"another"))
    if restarts:
        opened = open_spool()
        transfer = opened.open(KEY, now=2.0)
    transfer.drop("1.1")
    transfer.drop("1.1")
    assert [one.sop_instance_uid for one in transfer.instances()] == ["1.2"]
    spool(transfer, make_instance("1.1", b"right copy"))
    again = open_spool()
    with again.open(KEY, now=3.0) as transfer:
        assert [one.data.read() for one in transfer.instances()] == [b"right copy", b"another"]
    assert again.used_bytes == opened.used_bytes


def test_one_dropped_and_not_replaced_is_gone_after_a_restart(open_spool: OpenSpool) -> None:
    transfer = open_spool().open(KEY, now=1.0)
    spool(transfer, make_instance("1.1", b"wrong copy"))
    open_spool().open(KEY, now=2.0).drop("1.1")
    assert open_spool().open(KEY, now=3.0).instances() == []


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "index cut", "index gone"])
def test_damage_while_the_node_was_down_costs_only_what_it_touches(
    open_spool: OpenSpool, tmp_path: Path, damage: str
) -> None:
    with open_spool().open(KEY, now=1.0) as transfer:
        for number in (1, 2):
            spool(transfer, make_instance(f"1.{number}", of_size(number, 1_000)))
    path = data_file(tmp_path)
    index = path.with_name(path.name + INDEX)
    data, records = path.read_bytes(), index.read_bytes()
    if damage == "changed":
        path.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    elif damage == "cut":
        path.write_bytes(data[:-1])
    elif damage == "index cut":
        index.write_bytes(records[:-1])
    else:
        (path if damage == "gone" else index).unlink()
    again = open_spool()
    transfer = again.open(KEY, now=2.0)
    left = [] if damage.endswith("gone") else ["1.1"]
    assert [one.sop_instance_uid for one in transfer.instances()] == left
    spool(transfer, make_instance("1.2", of_size(2, 1_000)))
    assert [one.data.read() for one in transfer.instances()][-1] == of_size(2, 1_000)


def test_a_removed_transfer_gives_back_all_its_space(open_spool: OpenSpool, tmp_path: Path) -> None:
    opened = open_spool()
    with opened.open(KEY, now=1.0) as transfer:
        for uid in ("1.1", "1.2"):
            spool(transfer, make_instance(uid, b"pixels"))
        transfer.drop("1.1")
    opened.remove(KEY)
    assert opened.used_bytes == 0
    assert files(tmp_path) == []


def test_a_full_disk_is_named_and_what_was_finished_stays(sqlite: Database, small_disk: Path) -> None:
    opened = Spool(small_disk / "spool", sqlite, max_bytes=10**9)
    transfer = opened.open(KEY, now=1.0)
    spool(transfer, make_instance("1", bytes(300_000)))
    with pytest.raises(SpoolFull):
        spool(transfer, make_instance("2", bytes(900_000)))
    spool(transfer, make_instance("3", bytes(300_000)))
    assert [one.sop_instance_uid for one in transfer.instances()] == ["1", "3"]
    assert opened.used_bytes == 600_000


WRITER = """
import sys
from pathlib import Path
from idas_p2p.store.database import Database
from idas_p2p.store.spool import Spool
from tests.store.makers import make_instance, spool
database = Database.open(f"sqlite:///{sys.argv[1]}/node.db")
opened = Spool(Path(sys.argv[1]) / "spool", database, max_bytes=10**9)
transfer = opened.open(b"transfer 1", now=1.0)
for number in range(10_000):
    uid = str(number)
    spool(transfer, make_instance(uid, uid.encode() * 20_000))
    print(uid, flush=True)
"""


@pytest.mark.parametrize("reports", [1, 7, 20])
def test_kill_at_any_moment_loses_no_finished_instance(tmp_path: Path, reports: int) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    reported = [writer.stdout.readline().strip() for _ in range(reports)]
    writer.send_signal(signal.SIGKILL)
    reported += writer.stdout.read().split()
    writer.stdout.close()
    writer.wait()
    database = Database.open(f"sqlite:///{tmp_path}/node.db")
    again = Spool(tmp_path / "spool", database, max_bytes=10**9)
    found = {one.sop_instance_uid: one.data.read() for one in again.open(KEY, now=2.0).instances()}
    database.close()
    assert set(reported) <= found.keys()
    assert all(data == uid.encode() * 20_000 for uid, data in found.items())
    assert again.used_bytes == sum(map(len, found.values()))
