from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p import limits
from idas_p2p.blob import FileBlob, MemoryBlob
from idas_p2p.dicom.part10 import read_part10
from idas_p2p.dicom.web_parts import Part
from idas_p2p.errors import ArchiveFailed, MalformedInstance, SpoolFull
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection
from tests.dicom.test_part10 import shipped

FILE = shipped("CT_small.dcm")
STORED = read_part10(FILE)
STUDY = Selection(study_uid=STORED.study_uid)


def part_of(data: bytes, folder: Path, *, cut: int = 1_000) -> Part:
    part = Part(folder)
    for start in range(0, len(data), cut):
        part.add(data[start : start + cut])
    return part


@pytest.mark.parametrize("cut", [100, 1_000, 10_000_000])
def test_a_small_file_becomes_an_instance_in_memory(tmp_path: Path, cut: int) -> None:
    instance = part_of(FILE.read_bytes(), tmp_path, cut=cut).finish(STUDY)
    assert isinstance(instance, Instance)
    assert isinstance(instance.data, MemoryBlob)
    assert instance.data.read() == STORED.data.read()
    assert replace(instance, data=STORED.data) == STORED


def test_a_large_file_goes_to_the_folder_and_leaves_it_with_the_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMORY_INSTANCE_SIZE", 20_000)
    part = part_of(FILE.read_bytes(), tmp_path)
    assert part.is_in_file
    instance = part.finish(STUDY)
    part.discard()  # is the instance's now
    assert isinstance(instance, Instance)
    assert isinstance(instance.data, FileBlob)
    assert instance.data.read() == STORED.data.read()
    del instance
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def failure_of(outcome: Instance | InstanceFailed) -> tuple[str, type[Exception]]:
    assert isinstance(outcome, InstanceFailed)
    return outcome.sop_instance_uid, type(outcome.reason)


def test_what_is_no_instance_costs_itself_and_is_named_where_it_names_itself(tmp_path: Path) -> None:
    data = FILE.read_bytes()
    start = len(data) - STORED.data.size
    assert failure_of(part_of(b"text", tmp_path).finish(STUDY)) == ("", MalformedInstance)
    assert failure_of(part_of(b"", tmp_path).finish(STUDY)) == ("", MalformedInstance)
    named = STORED.sop_instance_uid, MalformedInstance
    assert failure_of(part_of(data[:start], tmp_path).finish(STUDY)) == named
    assert failure_of(part_of(data[: start + 100], tmp_path).finish(STUDY)) == named


def test_an_instance_that_was_not_asked_for_is_refused(tmp_path: Path) -> None:
    for selection in (Selection(study_uid="1.2"), replace(STUDY, series_uids=("1.2",))):
        outcome = part_of(FILE.read_bytes(), tmp_path).finish(selection)
        assert failure_of(outcome) == (STORED.sop_instance_uid, ArchiveFailed)


def test_a_large_part_that_is_given_up_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMORY_INSTANCE_SIZE", 20_000)
    part_of(FILE.read_bytes(), tmp_path).discard()
    part_of(bytes(40_000), tmp_path).finish(STUDY)
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_cannot_be_kept_says_that_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMORY_INSTANCE_SIZE", 20_000)
    outcome = part_of(FILE.read_bytes(), tmp_path / "missing").finish(STUDY)
    assert failure_of(outcome) == (STORED.sop_instance_uid, SpoolFull)


def test_a_part_larger_than_any_instance_ends_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_INSTANCE_SIZE", 1_000)
    with pytest.raises(ArchiveFailed, match="larger than any"):
        part_of(bytes(100_000), tmp_path)
