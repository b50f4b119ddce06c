from __future__ import annotations

import os
from pathlib import Path

import pydicom
import pytest

from idas_p2p.blob import BlobChanged
from idas_p2p.clock import SystemClock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.part10 import write_part10
from idas_p2p.errors import ArchiveUnreachable, InstanceChanged
from idas_p2p.node.folder_archive import FolderArchive
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tests.node.nodes import STUDY, data_of, failed_in, make_instance, total_of

LONG_AGO = 1_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    made.mkdir()
    return made


@pytest.fixture
def archive(folder: Path, bridge: Bridge) -> FolderArchive:
    return FolderArchive(str(folder), bridge=bridge, clock=SystemClock())


def put(folder: Path, number: int, *, name: str = "", study_uid: str = STUDY, changed: float = LONG_AGO) -> Instance:
    """Write a file that was last changed at a moment, in Unix seconds."""
    instance = make_instance(number, study_uid=study_uid)
    path = folder / (name or f"{study_uid}-{number}.dcm")
    with path.open("wb") as file:
        write_part10(instance, file)
    os.utime(path, (changed, changed))
    return instance


async def find(archive: FolderArchive, **keys: str) -> dict[str, Study]:
    return {study.study_uid: study async for study in archive.find_studies(StudyQuery.of(keys))}


async def fetch(archive: FolderArchive, **more: tuple[str, ...]) -> list[RetrieveEvent]:
    return [event async for event in archive.fetch(Selection(study_uid=STUDY, **more))]


async def test_files_make_studies_with_true_counts(archive: FolderArchive, folder: Path) -> None:
    put(folder, 1)
    put(folder, 2)
    put(folder, 1, study_uid="9.9")
    found = await find(archive)
    assert {uid: study.instance_count for uid, study in found.items()} == {STUDY: 2, "9.9": 1}
    assert found[STUDY].modalities == ("CT",)
    assert list(await find(archive, StudyInstanceUID="9.9")) == ["9.9"]


async def test_instances_come_with_the_bytes_of_their_files(archive: FolderArchive, folder: Path) -> None:
    stored = [put(folder, number) for number in (1, 2)]
    events = await fetch(archive)
    assert total_of(events) == 2
    assert data_of(events) == {one.sop_instance_uid: one.data.read() for one in stored}


async def test_part_of_a_study_can_be_asked_for(archive: FolderArchive, folder: Path) -> None:
    wanted = put(folder, 1)
    put(folder, 2)
    assert list(data_of(await fetch(archive, sop_instance_uids=(wanted.sop_instance_uid,)))) == [
        wanted.sop_instance_uid
    ]


async def test_new_changed_and_vanished_files_show_at_the_next_look(archive: FolderArchive, folder: Path) -> None:
    put(folder, 1, name="a.dcm")
    put(folder, 2, name="b.dcm")
    assert (await find(archive))[STUDY].instance_count == 2
    (folder / "a.dcm").unlink()
    put(folder, 1, name="b.dcm", study_uid="9.9", changed=LONG_AGO + 1)
    put(folder, 3, name="c.dcm")
    assert {uid: study.instance_count for uid, study in (await find(archive)).items()} == {STUDY: 1, "9.9": 1}


async def test_what_is_no_dicom_file_is_passed_over(archive: FolderArchive, folder: Path) -> None:
    (folder / "notes.txt").write_text("not an image")
    (folder / "cut.dcm").write_bytes(b"\0" * 128 + b"DICM")
    os.mkfifo(folder / "pipe")
    put(folder, 1, name=".hidden.dcm")
    for path in os.listdir(folder):
        os.utime(folder / path, (LONG_AGO, LONG_AGO))
    assert await find(archive) == {}


async def test_a_copy_of_an_instance_counts_once(archive: FolderArchive, folder: Path) -> None:
    put(folder, 1, name="a.dcm")
    put(folder, 1, name="b.dcm")
    assert (await find(archive))[STUDY].instance_count == 1
    assert len(data_of(await fetch(archive))) == 1


async def test_a_file_being_written_waits_until_it_is_left_alone(folder: Path, bridge: Bridge) -> None:
    class Clock(SystemClock):
        """Stands at the moment the file was changed last."""

        moment = float(LONG_AGO)

        def now(self) -> float:
            return self.moment

    clock = Clock()
    archive = FolderArchive(str(folder), bridge=bridge, clock=clock)
    put(folder, 1, name="old.dcm", changed=LONG_AGO - 100)
    put(folder, 2, name="new.dcm", changed=LONG_AGO)
    assert (await find(archive))[STUDY].instance_count == 1
    clock.moment += 2
    assert (await find(archive))[STUDY].instance_count == 2


async def test_a_half_copied_file_is_no_instance_and_becomes_one(archive: FolderArchive, folder: Path) -> None:
    put(folder, 1, name="whole.dcm")
    whole = (folder / "whole.dcm").read_bytes()
    (folder / "whole.dcm").write_bytes(whole[:-200])
    os.utime(folder / "whole.dcm", (LONG_AGO, LONG_AGO))
    assert await find(archive) == {}
    (folder / "whole.dcm").write_bytes(whole)
    os.utime(folder / "whole.dcm", (LONG_AGO + 5, LONG_AGO + 5))
    assert list(await find(archive)) == [STUDY]


async def test_a_file_that_vanished_fails_alone(archive: FolderArchive, folder: Path) -> None:
    gone, left = put(folder, 1, name="a.dcm"), put(folder, 2, name="b.dcm")
    await find(archive)
    (folder / "a.dcm").unlink()
    events = await fetch(archive)
    assert failed_in(events) == [gone.sop_instance_uid]
    assert list(data_of(events)) == [left.sop_instance_uid]


async def test_a_file_whose_place_another_took_fails_alone(archive: FolderArchive, folder: Path) -> None:
    put(folder, 1, name="a.dcm")
    await find(archive)
    put(folder, 2, name="a.dcm")
    failed = [event for event in await fetch(archive) if isinstance(event, InstanceFailed)]
    assert [type(event.reason) for event in failed] == [InstanceChanged]


async def test_another_instance_in_a_file_that_was_left_alone_for_long_is_noticed(folder: Path, bridge: Bridge) -> None:
    class Clock(SystemClock):
        """An hour later."""

        def now(self) -> float:
            return super().now() + 3_600

    archive = FolderArchive(str(folder), bridge=bridge, clock=Clock())
    put(folder, 1, name="a.dcm")
    stored = put(folder, 3, name="b.dcm")
    await find(archive)
    put(folder, 2, name="c.dcm")
    os.replace(folder / "c.dcm", folder / "a.dcm")  # of the same size and time
    events = await fetch(archive)
    assert data_of(events) == {stored.sop_instance_uid: stored.data.read()}
    assert [type(event.reason) for event in events if isinstance(event, InstanceFailed)] == [InstanceChanged]


@pytest.mark.parametrize("change", ["grown", "cut", "replaced", "rewritten", "removed"])
async def test_a_file_that_changes_while_it_is_sent_is_noticed(
    archive: FolderArchive, folder: Path, change: str
) -> None:
    stored, path = put(folder, 1, name="a.dcm"), folder / "a.dcm"
    (instance,) = [event for event in await fetch(archive) if isinstance(event, Instance)]
    assert instance.data.read() == stored.data.read()
    if change == "grown":
        with path.open("ab") as file:
            file.write(b"more")
    elif change == "cut":
        os.truncate(path, path.stat().st_size - 1)
    elif change == "replaced":  # by one of the same size and time
        put(folder, 1, name="b.dcm")
        os.replace(folder / "b.dcm", path)
    elif change == "rewritten":
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"x")
    else:
        path.unlink()
    with pytest.raises(BlobChanged):
        instance.data.read(10, 10)


async def test_a_file_that_is_being_rewritten_when_it_is_asked_for_fails(archive: FolderArchive, folder: Path) -> None:
    stored = put(folder, 1, name="a.dcm")
    await find(archive)
    put(folder, 1, name="a.dcm", changed=SystemClock().now() + 0.5)
    os.utime(folder / "a.dcm", (SystemClock().now(),) * 2)
    failed = [event for event in await fetch(archive) if isinstance(event, InstanceFailed)]
    assert [(event.sop_instance_uid, type(event.reason)) for event in failed] == [
        (stored.sop_instance_uid, InstanceChanged)
    ]


async def test_the_instances_of_a_study_can_be_listed(archive: FolderArchive, folder: Path) -> None:
    stored = [put(folder, number) for number in (1, 2)]
    assert await archive.list_instances(STUDY) == [(one.series_uid, one.sop_instance_uid) for one in stored]
    assert await archive.list_instances("9.9") == []


async def test_a_missing_folder_is_unreachable_and_nothing_vanished(archive: FolderArchive, folder: Path) -> None:
    os.rmdir(folder)
    with pytest.raises(ArchiveUnreachable):
        await find(archive)
    with pytest.raises(ArchiveUnreachable):
        await fetch(archive)


async def test_media_with_a_dicomdir_are_read_by_their_files_and_every_one_of_them(bridge: Bridge) -> None:
    media = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"
    listed = {
        str(record.ReferencedSOPInstanceUIDInFile)
        for record in pydicom.dcmread(media / "DICOMDIR").DirectoryRecordSequence
        if "ReferencedFileID" in record
    }
    archive = FolderArchive(str(media), bridge=bridge, clock=SystemClock())
    found = await find(archive)
    instances = {uid for study in found for _, uid in await archive.list_instances(study)}
    assert len(listed) > 20
    assert listed <= instances
