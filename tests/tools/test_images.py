"""Studies for tests and the demonstration are real images whose pixels were not touched."""

from __future__ import annotations

import importlib.resources
import io
import zipfile
from pathlib import Path

import pydicom

from tools.images import Encoded, set_of_files, shipped, write_cine, write_ultrasound


def test_the_slices_are_the_still_and_the_frames_of_the_loop(tmp_path: Path) -> None:
    study = write_ultrasound(tmp_path)
    folder = Path(str(importlib.resources.files("deid_data"))) / "data" / "ultrasounds"
    with zipfile.ZipFile(folder / "GREYSCALE_CINE.zip") as archive:
        loop = pydicom.dcmread(io.BytesIO(archive.read("GREYSCALE_CINE.dcm")))
    still, *frames = (pydicom.dcmread(path) for path in study.files)
    assert still.PixelData == pydicom.dcmread(folder / "GREYSCALE_IMAGE.dcm").PixelData
    assert b"".join(frame.PixelData for frame in frames) == loop.PixelData


def test_a_study_has_one_uid_and_as_many_instances_as_slices(tmp_path: Path) -> None:
    study = write_ultrasound(tmp_path, slices=40)
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in study.files]
    assert {header.StudyInstanceUID for header in headers} == {study.study_uid}
    assert len({header.SOPInstanceUID for header in headers}) == len(study.encoded()) == 40


def test_another_seed_gives_other_uids(tmp_path: Path) -> None:
    one, other = (write_ultrasound(tmp_path / seed, slices=2, seed=seed) for seed in ("one", "other"))
    assert one.study_uid != other.study_uid
    assert one.encoded().keys().isdisjoint(other.encoded())


def test_a_cine_loop_has_the_frames_it_announces(tmp_path: Path) -> None:
    image = pydicom.dcmread(write_cine(tmp_path, frames=30).files[0])
    assert image.NumberOfFrames == 30
    assert len(image.PixelData) == 30 * image.Rows * image.Columns


def test_an_encoded_data_set_is_what_follows_the_file_meta_information(tmp_path: Path) -> None:
    (study,) = shipped("CT_small.dcm")
    (encoded,) = set_of_files(study.files).values()
    raw = study.files[0].read_bytes()
    assert encoded == Encoded.of(encoded.sop_instance_uid, encoded.transfer_syntax_uid, raw[-encoded.size :])
    assert raw[-encoded.size :][:4] == b"\x08\x00\x05\x00"
