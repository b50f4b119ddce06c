"""Copies are instances of the same study with the same pixels under UIDs of their own."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from tools.copies import NotPatchable, another_uid, write_copies
from tools.images import shipped, write_ultrasound


def test_copies_share_study_and_pixels_and_nothing_that_must_be_unique(tmp_path: Path) -> None:
    source = write_ultrasound(tmp_path / "source", slices=2)
    study = write_copies(tmp_path / "copies", source.files, count=5)
    images = [pydicom.dcmread(path) for path in study.files]
    assert {image.StudyInstanceUID for image in images} == {study.study_uid} == {source.study_uid}
    assert len(study.encoded()) == len({image.SOPInstanceUID for image in images}) == 5
    assert images[0].PixelData == images[2].PixelData == images[4].PixelData
    assert images[0].SeriesInstanceUID != images[2].SeriesInstanceUID
    assert all(image.SOPInstanceUID == image.file_meta.MediaStorageSOPInstanceUID for image in images)


def test_another_uid_is_as_long_valid_and_always_the_same() -> None:
    uid = b"1.2.826.0.1.3680043.8.498.1234567890"
    found = another_uid(uid, 7)
    assert (len(found), found) == (len(uid), another_uid(uid, 7))
    assert pydicom.uid.UID(found.decode()).is_valid
    assert another_uid(uid, 8) != found


def test_a_file_whose_uids_cannot_be_replaced_is_refused(tmp_path: Path) -> None:
    (study,) = shipped("CT_small.dcm")
    image = pydicom.dcmread(study.files[0])
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    image.save_as(tmp_path / "short.dcm", enforce_file_format=True)
    with pytest.raises(NotPatchable):
        write_copies(tmp_path / "copies", [tmp_path / "short.dcm"], count=2)
