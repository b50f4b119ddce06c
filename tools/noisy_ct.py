"""A CT study with a patient's noise, made the same each time from slices that have too little of it.

A phantom's slices are smoother than a patient's, and flatter a lossless coding. Here each slice of the source is
taken in turn, gaussian noise is added to its stored values, and it gets UIDs and a position of its own. Without a
source it is pydicom's real CT slice of 128x128, enlarged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tools.images import StudyFiles

NOISE = 15.0  # HU, standard deviation: a thin abdominal slice; 16-bit pixels then code to about 2.7 : 1
SLICES = 300
_SIDE = 512  # pixels


def write_noisy_ct(
    folder: Path, like: Sequence[Path] = (), *, slices: int = SLICES, noise: float = NOISE, seed: int = 1
) -> StudyFiles:
    """Write the study as DICOM files, uncompressed.

    Args:
        folder: made when missing.
        like: uncompressed CT slices, taken over and over in this order.
        slices: how many instances.
        noise: standard deviation in HU.
        seed: others give other noise and other UIDs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    names = [str(seed), str(noise)]
    study_uid, series_uid = (str(generate_uid(entropy_srcs=[*names, level])) for level in ("study", "series"))
    paths = []
    for number in range(slices):
        image = pydicom.dcmread(like[number % len(like)]) if like else _enlarged()
        _add_noise(image, noise, chance)
        image.StudyInstanceUID, image.SeriesInstanceUID, image.InstanceNumber = study_uid, series_uid, number + 1
        image.SOPInstanceUID = generate_uid(entropy_srcs=[*names, str(number)])
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.SliceLocation = f"{number:.2f}"
        image.ImagePositionPatient = [*image.ImagePositionPatient[:2], number]
        paths.append(folder / f"{number:05}.dcm")
        image.save_as(paths[-1], enforce_file_format=True)
    return StudyFiles(study_uid, tuple(paths))


def _add_noise(image: Dataset, noise: float, chance: Any) -> None:
    """Add noise to the stored values, which stay within the depth that the image declares."""
    pixels = image.pixel_array
    slope = float(image.get("RescaleSlope", 1))
    low = -(2 ** (image.BitsStored - 1)) if image.PixelRepresentation else 0
    high = low + 2**image.BitsStored - 1
    noisy = np.rint(pixels + chance.normal(0.0, noise / slope, pixels.shape)).clip(low, high)
    image.PixelData = noisy.astype(pixels.dtype).tobytes()


def _enlarged() -> Dataset:
    """The CT_small.dcm of pydicom with 512x512 pixels, interpolated linearly."""
    image = pydicom.dcmread(Path(str(get_testdata_file("CT_small.dcm", download=False))))
    small = image.pixel_array
    at = np.linspace(0, small.shape[0] - 1, _SIDE)
    rows = np.stack([np.interp(at, np.arange(small.shape[0]), column) for column in small.T], axis=1)
    large = np.stack([np.interp(at, np.arange(small.shape[1]), row) for row in rows])
    image.Rows = image.Columns = _SIDE
    image.PixelData = np.rint(large).astype(small.dtype).tobytes()
    if "DataSetTrailingPadding" in image:
        del image.DataSetTrailingPadding
    return image
