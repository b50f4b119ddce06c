from __future__ import annotations

import dataclasses
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from idas_p2p.errors import SpoolFull
from idas_p2p.store.database import Database
from idas_p2p.store.objects import ObjectStore, Stored
from idas_p2p.wire.instance import Selection
from tests.store.makers import content, make_instance, make_study

STUDY = make_study(instance_count=0, series_count=0, modalities=())


@pytest.fixture
def store(database: Database, tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects", database)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_an_instance_comes_back_byte_for_byte(store: ObjectStore) -> None:
    instance = make_instance(data=bytes(range(256)) * 10_000)
    assert store.put(instance, STUDY, modality="CT", now=1.0) is Stored.NEW
    (found,) = store.instances(Selection(study_uid="1.2.3"))
    assert content(found) == content(instance)


def test_an_empty_instance_is_kept_too(store: ObjectStore) -> None:
    store.put(make_instance(data=b""), STUDY, modality="", now=1.0)
    assert store.instances(Selection(study_uid="1.2.3"))[0].data.size == 0


def test_the_same_instance_again_is_a_duplicate_and_takes_no_space(store: ObjectStore, tmp_path: Path) -> None:
    store.put(make_instance(), STUDY, modality="CT", now=1.0)
    assert store.put(make_instance(), STUDY, modality="CT", now=2.0) is Stored.DUPLICATE
    assert len(files(tmp_path / "objects")) == 1


def test_other_bytes_replace_an_instance_and_running_transfers_keep_the_old_ones(
    store: ObjectStore, database: Database, tmp_path: Path
) -> None:
    store.put(make_instance(data=b"old"), STUDY, modality="CT", now=1.0)
    (old,) = store.instances(Selection(study_uid="1.2.3"))
    assert store.put(make_instance(data=b"new"), STUDY, modality="CT", now=2.0) is Stored.REPLACED
    (new,) = store.instances(Selection(study_uid="1.2.3"))
    assert (old.data.read(), new.data.read()) == (b"old", b"new")
    ObjectStore(tmp_path / "objects", database)
    assert [path.read_bytes() for path in files(tmp_path / "objects")] == [b"new"]


def test_one_uid_in_two_studies_is_two_instances(store: ObjectStore) -> None:
    store.put(make_instance(study="1", data=b"one"), make_study("1"), modality="CT", now=1.0)
    store.put(make_instance(study="2", data=b"two"), make_study("2"), modality="CT", now=1.0)
    assert [store.instances(Selection(study_uid=uid))[0].data.read() for uid in "12"] == [b"one", b"two"]


def test_a_study_counts_its_instances_series_and_modalities(store: ObjectStore) -> None:
    for uid, series, modality in [("1", "1.1", "MR"), ("2", "1.1", "MR"), ("3", "1.2", "CT"), ("4", "1.3", "")]:
        store.put(make_instance(uid, series=series), STUDY, modality=modality, now=1.0)
    told = dataclasses.replace(STUDY, instance_count=4, series_count=3, modalities=("CT", "MR"))
    assert store.study("1.2.3") == told
    assert list(store.studies()) == [told]
    assert store.study("9.9") is None


def test_a_study_takes_the_newest_word_that_is_not_empty(store: ObjectStore) -> None:
    store.put(make_instance("1"), make_study(description="old", study_id="S"), modality="CT", now=1.0)
    store.put(make_instance("2"), make_study(description="new", study_id=""), modality="CT", now=2.0)
    study = store.study("1.2.3")
    assert study is not None
    assert (study.description, study.study_id) == ("new", "S")


def test_studies_lists_any_number_of_them(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idas_p2p.store.objects.PAGE", 2)
    for uid in "12345":
        store.put(make_instance(study=uid), make_study(uid), modality="CT", now=1.0)
    assert [study.study_uid for study in store.studies()] == list("12345")


def test_a_selection_narrows_to_series_and_instances(store: ObjectStore) -> None:
    for uid, series in [("1", "s1"), ("2", "s1"), ("3", "s2")]:
        store.put(make_instance(uid, series=series), STUDY, modality="CT", now=1.0)

    def selected(**narrow: tuple[str, ...]) -> list[str]:
        return [one.sop_instance_uid for one in store.instances(Selection(study_uid="1.2.3", **narrow))]

    assert selected() == ["1", "2", "3"]
    assert selected(series_uids=("s1",)) == ["1", "2"]
    assert selected(series_uids=("s1",), sop_instance_uids=("2", "3")) == ["2"]


def test_file_names_identify_nobody_and_only_the_owner_can_read_them(store: ObjectStore, tmp_path: Path) -> None:
    store.put(make_instance(data=b"same"), make_study(patient_name="CANARY^A"), modality="CT", now=1.0)
    store.put(make_instance(data=b"same", study="1.7"), make_study("1.7"), modality="CT", now=1.0)
    found = files(tmp_path / "objects")
    assert len({path.name for path in found}) == 2
    assert all(len(path.name) == 32 and int(path.name, 16) >= 0 for path in found)
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in found} == {0o700}


def test_files_nobody_was_told_of_are_removed_at_start(store: ObjectStore, database: Database, tmp_path: Path) -> None:
    store.put(make_instance(), STUDY, modality="CT", now=1.0)
    shard = tmp_path / "objects" / "ab"
    for name in ("ab00", "ab00.undecided", "ab01.part", "ab01.undecided", "ab02.undecided"):
        (shard / name).touch()
    again = ObjectStore(tmp_path / "objects", database)
    assert [one.data.read() for one in again.instances(Selection(study_uid="1.2.3"))] == [b"pixels"]
    assert len(files(tmp_path / "objects")) == 1


def test_a_node_killed_between_row_and_answer_keeps_the_instance(
    store: ObjectStore, database: Database, tmp_path: Path
) -> None:
    store.put(make_instance(), STUDY, modality="CT", now=1.0)
    (path,) = files(tmp_path / "objects")
    path.with_name(path.name + ".undecided").touch()
    again = ObjectStore(tmp_path / "objects", database)
    assert [one.data.read() for one in again.instances(Selection(study_uid="1.2.3"))] == [b"pixels"]
    assert files(tmp_path / "objects") == [path]


def test_a_lost_database_deletes_no_image(store: ObjectStore, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store.put(make_instance(), STUDY, modality="CT", now=1.0)
    empty = Database.open(f"sqlite:///{tmp_path}/other.db")
    with caplog.at_level("INFO"):
        ObjectStore(tmp_path / "objects", empty)
    empty.close()
    assert "stored_files_unknown" in caplog.text
    assert [path.read_bytes() for path in files(tmp_path / "objects")] == [b"pixels"]


def test_a_missing_file_is_told_at_start(
    store: ObjectStore, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(make_instance(), STUDY, modality="CT", now=1.0)
    files(tmp_path / "objects")[0].unlink()
    with caplog.at_level("INFO"):
        ObjectStore(tmp_path / "objects", database)
    assert "stored_files_missing" in caplog.text


@pytest.mark.parametrize("damage", ["gone", "shorter"])
def test_an_instance_whose_file_was_lost_is_welcome_again(store: ObjectStore, tmp_path: Path, damage: str) -> None:
    store.put(make_instance(), STUDY, modality="CT", now=1.0)
    (path,) = files(tmp_path / "objects")
    path.write_bytes(b"pix")
    if damage == "gone":
        path.unlink()
    assert store.put(make_instance(), STUDY, modality="CT", now=2.0) is Stored.REPLACED
    assert store.instances(Selection(study_uid="1.2.3"))[0].data.read() == b"pixels"


def test_a_full_disk_keeps_nothing_of_the_instance_and_all_before_it(sqlite: Database, small_disk: Path) -> None:
    store = ObjectStore(small_disk / "objects", sqlite)
    store.put(make_instance("1", bytes(300_000)), STUDY, modality="CT", now=1.0)
    with pytest.raises(SpoolFull):
        store.put(make_instance("2", bytes(900_000)), STUDY, modality="CT", now=1.0)
    store.put(make_instance("3", bytes(300_000)), STUDY, modality="CT", now=1.0)
    assert [one.sop_instance_uid for one in store.instances(Selection(study_uid="1.2.3"))] == ["1", "3"]


WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from idas_p2p.store.database import Database
from idas_p2p.store.objects import ObjectStore
from tests.store.makers import make_instance, make_study
store = ObjectStore(Path(sys.argv[1]) / "objects", Database.open(f"sqlite:///{sys.argv[1]}/node.db"))
for number in range(10_000):
    uid = str(number)
    store.put(make_instance(uid, uid.encode() * 20_000), make_study(), modality="CT", now=1.0)
    print(uid, flush=True)
"""


@pytest.mark.parametrize("reports", [1, 7, 20])
def test_kill_at_any_moment_loses_nothing_reported_stored(tmp_path: Path, reports: int) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    reported = [writer.stdout.readline().strip() for _ in range(reports)]
    writer.send_signal(signal.SIGKILL)
    reported += writer.stdout.read().split()
    writer.stdout.close()
    writer.wait()
    database = Database.open(f"sqlite:///{tmp_path}/node.db")
    store = ObjectStore(tmp_path / "objects", database)
    found = {one.sop_instance_uid: one.data.read() for one in store.instances(Selection(study_uid="1.2.3"))}
    database.close()
    assert set(reported) <= found.keys()
    assert all(data == uid.encode() * 20_000 for uid, data in found.items())
    assert len(files(tmp_path / "objects")) == len(found)


def test_many_threads_can_store_at_once(store: ObjectStore) -> None:
    def put(number: int) -> Stored:
        return store.put(make_instance(str(number % 20)), STUDY, modality="CT", now=1.0)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(put, range(40)))
    assert outcomes.count(Stored.NEW) == outcomes.count(Stored.DUPLICATE) == 20
    assert len(store.instances(Selection(study_uid="1.2.3"))) == 20
