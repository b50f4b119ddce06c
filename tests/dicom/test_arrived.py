from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p.blob import FileBlob, MemoryBlob
from idas_p2p.crypto.digest import data_digest
from idas_p2p.dicom.arrived import SAMPLE, Arrived, fingerprint
from idas_p2p.errors import InstanceChanged
from idas_p2p.limits import MEMORY_INSTANCE_SIZE
from idas_p2p.wire.instance import Instance


def instance(data: bytes) -> Instance:
    return Instance(
        study_uid="1.2",
        series_uid="1.2.3",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3.4",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        data=MemoryBlob(data),
    )


def test_an_instance_that_comes_again_with_the_same_bytes_is_the_same() -> None:
    arrived = Arrived()
    assert (len(arrived), "1.2.3.4" in arrived) == (0, False)
    arrived.add(instance(b"pixels"))
    assert (len(arrived), "1.2.3.4" in arrived) == (1, True)
    assert arrived.change(instance(b"pixels")) is None


def test_an_instance_that_comes_again_in_another_transfer_syntax_is_no_change() -> None:
    arrived = Arrived()
    arrived.add(instance(b"pixels"))
    assert arrived.change(replace(instance(b"other bytes"), transfer_syntax_uid="1.2.840.10008.1.2")) is None


def test_an_instance_that_comes_first_is_handed_on_with_its_digest() -> None:
    first = Arrived().add(instance(b"pixels"))
    assert first == instance(b"pixels")
    assert isinstance(first.data, MemoryBlob)
    assert first.data.digest == data_digest(b"pixels") == fingerprint(instance(b"pixels").data)


def test_an_instance_in_a_file_stays_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"pixels")
    large = replace(instance(b""), data=FileBlob(path, 0, 6))
    assert Arrived().add(large) is large


@pytest.mark.parametrize("again", [b"pixelS", b"Pixels", b"pixels ", b"pixel", b""])
def test_an_instance_that_comes_again_with_other_bytes_is_named(again: bytes) -> None:
    arrived = Arrived()
    arrived.add(instance(b"pixels"))
    change = arrived.change(instance(again))
    assert change is not None
    assert (change.sop_instance_uid, type(change.reason)) == ("1.2.3.4", InstanceChanged)


@pytest.mark.parametrize(
    ("place", "is_seen"), [(0, True), (SAMPLE - 1, True), (-1, True), (-SAMPLE, True), (5 * SAMPLE, False)]
)
def test_of_a_very_large_instance_both_ends_are_compared(tmp_path: Path, place: int, is_seen: bool) -> None:
    size = MEMORY_INSTANCE_SIZE + 2 * SAMPLE
    data = bytearray(size)
    path = tmp_path / "a"
    path.write_bytes(data)
    before = fingerprint(FileBlob(path, 0, size))
    data[place] = 1
    path.write_bytes(data)
    assert (fingerprint(FileBlob(path, 0, size)) != before) is is_seen
