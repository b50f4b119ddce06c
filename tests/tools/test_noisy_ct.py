"""The noisier CT study is the same each time, and as noisy as told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from tools.images import shipped
from tools.noisy_ct import write_noisy_ct


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_images(tmp_path: Path) -> None:
    one, again = (write_noisy_ct(tmp_path / name, slices=2) for name in ("one", "again"))
    other = write_noisy_ct(tmp_path / "other", slices=2, seed=2)
    assert one.encoded() == again.encoded()
    assert one.encoded().keys().isdisjoint(other.encoded())


def test_slices_without_a_source_are_a_series_of_512_by_512(tmp_path: Path) -> None:
    images = [pydicom.dcmread(path) for path in write_noisy_ct(tmp_path, slices=3).files]
    assert {(image.Rows, image.Columns, image.SeriesInstanceUID) for image in images} == {
        (512, 512, images[0].SeriesInstanceUID)
    }
    assert [image.InstanceNumber for image in images] == [1, 2, 3]


def test_the_source_is_taken_over_and_over_and_the_noise_is_what_was_asked_for(tmp_path: Path) -> None:
    (source,) = shipped("CT_small.dcm")
    before = pydicom.dcmread(source.files[0]).pixel_array.astype(float)
    study = write_noisy_ct(tmp_path, source.files, slices=2, noise=20.0)
    noises = [pydicom.dcmread(path).pixel_array - before for path in study.files]
    for noise in noises:
        assert float(np.std(noise)) == pytest.approx(20.0, rel=0.05)
    assert not np.array_equal(noises[0], noises[1])
