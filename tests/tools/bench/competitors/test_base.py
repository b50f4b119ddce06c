"""What must survive a program that writes a data set in another way."""

from __future__ import annotations

from pathlib import Path

import pydicom

from tools.bench.competitors.base import images_of
from tools.images import shipped


def test_another_writing_of_the_same_image_counts_as_the_same_and_a_changed_pixel_does_not(tmp_path: Path) -> None:
    (study,) = shipped("CT_small.dcm")
    image = pydicom.dcmread(study.files[0])
    image.PatientName = "another length"
    image.save_as(tmp_path / "same.dcm")
    image.PixelData = bytes([image.PixelData[0] ^ 1]) + image.PixelData[1:]
    image.save_as(tmp_path / "changed.dcm")
    assert images_of([tmp_path / "same.dcm"]) == images_of(study.files)
    assert images_of([tmp_path / "changed.dcm"]) != images_of(study.files)
