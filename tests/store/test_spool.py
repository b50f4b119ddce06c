from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from idas_p2p.errors import InstanceChanged, SpoolFull
from idas_p2p.store.database import Database
from idas_p2p.store.spool import Spool
from tests.store.makers import begin, content, make_instance, spool

KEY = b"transfer 1"
OpenSpool = Callable[[], Spool]


@pytest.fixture
def open_spool(database: Database, tmp_path: Path) -> OpenSpool:
    """Opens the same spool of 1000 bytes, as a node does at each start."""
    return lambda: Spool(tmp_path / "spool", database, max_bytes=1000, gathered_size=0)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_finished_instances_are_there_after_a_restart(open_spool: OpenSpool) -> None:
    with open_spool().open(KEY, now=1.0) as transfer:
        finished = [spool(transfer, make_instance(uid, uid.encode())) for uid in ("1.1", "1.2")]
        assert [content(one) for one in transfer.instances()] == [content(one) for one in finished]
    spool_again = open_spool()
    with spool_again.open(KEY, now=2.0) as transfer:
        assert [content(one) for one in transfer.instances()] == [content(one) for one in finished]
    assert spool_again.used_bytes == 6


def test_an_instance_of_which_a_part_came_is_gone_after_a_restart(open_spool: OpenSpool, tmp_path: Path) -> None:
    transfer = open_spool().open(KEY, now=1.0)
    writer = begin(transfer, make_instance())
    writer.write(b"pix")
    again = open_spool()
    assert again.open(KEY, now=2.0).instances() == []
    assert again.used_bytes == 0
    assert files(tmp_path / "spool") == []
    writer.abort()


@pytest.mark.parametrize("damage", ["changed", "shorter", "gone"])
def test_an_instance_damaged_while_the_node_was_down_is_not_used(
    open_spool: OpenSpool, tmp_path: Path, damage: str
) -> None:
    with open_spool().open(KEY, now=1.0) as transfer:
        spool(transfer, make_instance("1.1", b"damaged"))
        spool(transfer, make_instance("1.2", b"right"))
    path = next(path for path in files(tmp_path / "spool") if path.read_bytes() == b"damaged")
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"dAmaged" if damage == "changed" else b"dam")
    again = open_spool()
    transfer = again.open(KEY, now=2.0)
    assert [one.sop_instance_uid for one in transfer.instances()] == ["1.2"]
    assert again.used_bytes == 5
    spool(transfer, make_instance("1.1", b"damaged"))
    assert len(transfer.instances()) == 2


def test_transfers_do_not_see_each_other(open_spool: OpenSpool) -> None:
    opened = open_spool()
    first, second = opened.open(b"1", now=1.0), opened.open(b"2", now=1.0)
    spool(first, make_instance(data=b"one"))
    spool(second, make_instance(data=b"two"))
    assert [[one.data.read() for one in transfer.instances()] for transfer in (first, second)] == [[b"one"], [b"two"]]


def test_a_removed_transfer_leaves_nothing(open_spool: OpenSpool, tmp_path: Path) -> None:
    opened = open_spool()
    with opened.open(KEY, now=1.0) as transfer:
        spool(transfer, make_instance())
    opened.remove(KEY)
    opened.remove(KEY)
    assert opened.used_bytes == 0
    assert list((tmp_path / "spool").iterdir()) == []
    assert opened.open(KEY, now=2.0).instances() == []


def test_old_transfers_expire_unless_they_are_open(open_spool: OpenSpool) -> None:
    opened = open_spool()
    kept = opened.open(b"open", now=1.0)
    for key, now in [(b"old", 1.0), (b"new", 9.0)]:
        opened.open(key, now=now).close()
    assert opened.expire(5.0) == 1
    kept.close()
    kept.close()
    assert opened.expire(5.0) == 1
    assert opened.expire(5.0) == 0


def test_a_transfer_opened_twice_is_open_until_both_are_closed(open_spool: OpenSpool) -> None:
    opened = open_spool()
    first, second = opened.open(KEY, now=1.0), opened.open(KEY, now=1.0)
    first.close()
    assert opened.expire(5.0) == 0
    second.close()
    assert opened.expire(5.0) == 1


def test_the_spool_never_announces_more_than_its_bound(open_spool: OpenSpool) -> None:
    opened = open_spool()
    transfer = opened.open(KEY, now=1.0)
    writer = begin(transfer, make_instance("1.1", bytes(600)))
    with pytest.raises(SpoolFull):
        begin(transfer, make_instance("1.2", bytes(401)))
    assert opened.used_bytes == 600
    writer.abort()
    assert opened.used_bytes == 0
    spool(transfer, make_instance("1.2", bytes(1000)))


def test_the_longest_unused_transfers_make_room(open_spool: OpenSpool) -> None:
    opened = open_spool()
    for key, now in [(b"3", 3.0), (b"1", 1.0), (b"2", 2.0)]:
        with opened.open(key, now=now) as transfer:
            spool(transfer, make_instance(data=bytes(300)))
    current = opened.open(b"4", now=4.0)
    spool(current, make_instance(data=bytes(500)))
    assert opened.used_bytes == 800
    assert [len(opened.open(key, now=5.0).instances()) for key in (b"1", b"2", b"3")] == [0, 0, 1]


def test_an_instance_larger_than_the_whole_spool_costs_no_other_its_place(open_spool: OpenSpool) -> None:
    opened = open_spool()
    with opened.open(b"1", now=1.0) as transfer:
        spool(transfer, make_instance())
    with pytest.raises(SpoolFull):
        begin(opened.open(b"2", now=2.0), make_instance(), size=1001)
    assert len(opened.open(b"1", now=3.0).instances()) == 1


def test_what_was_never_recorded_is_removed_at_start(open_spool: OpenSpool, tmp_path: Path) -> None:
    with open_spool().open(KEY, now=1.0) as transfer:
        spool(transfer, make_instance())
    (folder,) = (tmp_path / "spool").iterdir()
    (folder / "orphan").write_bytes(b"x")
    (tmp_path / "spool" / "unknown").mkdir()
    (tmp_path / "spool" / "unknown" / "orphan").write_bytes(b"x")
    open_spool()
    assert [path.read_bytes() for path in files(tmp_path / "spool")] == [b"pixels"]


def test_file_names_identify_nobody(open_spool: OpenSpool, tmp_path: Path) -> None:
    transfer = open_spool().open(b"CANARY", now=1.0)
    spool(transfer, make_instance("1.2.840.99"))
    (path,) = files(tmp_path / "spool")
    assert all(len(name) == 32 and int(name, 16) >= 0 for name in path.relative_to(tmp_path / "spool").parts)


WRITER = """
import sys
from pathlib import Path
from idas_p2p.store.database import Database
from idas_p2p.store.spool import Spool
from tests.store.makers import make_instance, spool
database = Database.open(f"sqlite:///{sys.argv[1]}/node.db")
opened = Spool(Path(sys.argv[1]) / "spool", database, max_bytes=10**9, gathered_size=0)
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
    again = Spool(tmp_path / "spool", database, max_bytes=10**9, gathered_size=0)
    found = {one.sop_instance_uid: one.data.read() for one in again.open(KEY, now=2.0).instances()}
    database.close()
    assert set(reported) <= found.keys()
    assert all(data == uid.encode() * 20_000 for uid, data in found.items())
    assert len(files(tmp_path / "spool")) == len(found)
    assert again.used_bytes == sum(map(len, found.values()))


def test_an_instance_of_which_another_version_is_here_is_refused_by_its_name(open_spool: OpenSpool) -> None:
    opened = open_spool()
    with opened.open(KEY, now=1.0) as transfer:
        kept = spool(transfer, make_instance(data=b"one"))
        with pytest.raises(InstanceChanged):
            spool(transfer, make_instance(data=b"two"))
        assert [content(one) for one in transfer.instances()] == [content(kept)]
    assert opened.used_bytes == 3
