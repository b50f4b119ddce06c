"""Studies of real images, made from what Python packages on PyPI ship.

`deid-data` (MIT) holds a kidney ultrasound: a still and a cine loop of 27 frames. As a study it is the still as it was
shipped and each frame of the loop as a slice of its own, pixels untouched. `pydicom` holds single images of other
kinds, used as they are.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.resources
import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid

_ULTRASOUND = Path(str(importlib.resources.files("deid_data"))) / "data" / "ultrasounds"
_PIXEL_DATA = 0x7FE00010
_PREAMBLE = 132  # bytes: 128 and "DICM"; PS3.10 section 7.1
_GROUP_LENGTH = 12  # bytes of (0002,0000), which counts what follows it


@dataclass(frozen=True, slots=True)
class Encoded:
    """One encoded data set, known by its names, its size and its digest."""

    sop_instance_uid: str
    transfer_syntax_uid: str
    size: int  # bytes, without preamble and file meta information
    digest: str  # BLAKE2b-256, hexadecimal

    @classmethod
    def of(cls, sop_instance_uid: str, transfer_syntax_uid: str, data: bytes) -> Encoded:
        """Name an encoded data set."""
        digest = hashlib.blake2b(data, digest_size=32).hexdigest()
        return cls(sop_instance_uid, transfer_syntax_uid, len(data), digest)

    @classmethod
    def of_file(cls, path: Path) -> Encoded:
        """Name the data set of a DICOM file, by its raw bytes."""
        raw = path.read_bytes()
        meta = pydicom.filereader.read_file_meta_info(path)
        start = _PREAMBLE + _GROUP_LENGTH + int(meta.FileMetaInformationGroupLength)
        return cls.of(str(meta.MediaStorageSOPInstanceUID), str(meta.TransferSyntaxUID), raw[start:])


@dataclass(frozen=True, slots=True)
class StudyFiles:
    """One study as files."""

    study_uid: str
    files: tuple[Path, ...]

    def encoded(self) -> dict[str, Encoded]:
        """Every data set by SOP Instance UID."""
        return {encoded.sop_instance_uid: encoded for encoded in map(Encoded.of_file, self.files)}


def write_ultrasound(
    folder: Path,
    *,
    patient_name: str = "ZZZ TEST PATIENTFIVE^NEW^P",
    patient_id: str = "10101010101",
    accession_number: str = "",
    study_date: str = "20170302",
    character_set: str = "",
    slices: int = 28,
    seed: str = "kidney",
) -> StudyFiles:
    """Write the kidney study as DICOM files: the still, then the loop's frames, 480 kB each, repeated when need be.

    Args:
        folder: made when missing.
        patient_name: and the next four: what the study says of itself.
        patient_id: LO.
        accession_number: SH.
        study_date: YYYYMMDD.
        character_set: Specific Character Set; needed when a text is not ASCII.
        slices: how many instances.
        seed: other seeds give other UIDs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _as_shipped():
        return _write(folder, patient_name, patient_id, accession_number, study_date, character_set, slices, seed)


@contextmanager
def _as_shipped() -> Iterator[None]:
    """Let pydicom copy a value that is longer than its VR allows, of which the images have one, without a word."""
    settings = pydicom.config.settings
    before = settings.reading_validation_mode, settings.writing_validation_mode
    settings.reading_validation_mode = settings.writing_validation_mode = pydicom.config.IGNORE
    try:
        yield
    finally:
        settings.reading_validation_mode, settings.writing_validation_mode = before


def _write(
    folder: Path,
    patient_name: str,
    patient_id: str,
    accession_number: str,
    study_date: str,
    character_set: str,
    slices: int,
    seed: str,
) -> StudyFiles:
    study_uid = generate_uid(entropy_srcs=[seed, "study"])
    paths = []
    for number, image in zip(range(slices), _still_then_frames(), strict=False):
        if character_set:
            image.SpecificCharacterSet = character_set
        image.PatientName, image.PatientID = patient_name, patient_id
        image.AccessionNumber, image.StudyDate = accession_number, study_date
        image.StudyInstanceUID = study_uid
        image.SeriesInstanceUID = generate_uid(entropy_srcs=[seed, "still" if number == 0 else "loop"])
        image.SeriesNumber, image.InstanceNumber = (1, 1) if number == 0 else (2, number)
        image.SOPInstanceUID = generate_uid(entropy_srcs=[seed, str(number)])
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        paths.append(folder / f"{number:05}.dcm")
        image.save_as(paths[-1], enforce_file_format=True)
    return StudyFiles(str(study_uid), tuple(paths))


def write_cine(folder: Path, *, frames: int) -> StudyFiles:
    """Write the cine loop as one multi-frame object of `frames` frames, 480 kB each, repeated when need be."""
    folder.mkdir(parents=True, exist_ok=True)
    loop = _loop()
    pixels = bytes(loop.PixelData)
    loop.NumberOfFrames = frames
    loop.add_new(_PIXEL_DATA, "OB", b"")
    path = folder / "cine.dcm"
    with _as_shipped():
        loop.save_as(path, enforce_file_format=True)
    frame_size, available = loop.Rows * loop.Columns, len(pixels) // (loop.Rows * loop.Columns)
    with path.open("r+b") as file:  # Pixel Data is the last element: set its length, then let the frames follow
        file.seek(-4, io.SEEK_END)
        file.write((frames * frame_size).to_bytes(4, "little"))
        for start in range(0, frames, available):
            file.write(pixels[: min(available, frames - start) * frame_size])
    return StudyFiles(str(loop.StudyInstanceUID), (path,))


def shipped(*names: str) -> list[StudyFiles]:
    """Images of pydicom's own collection, as they are: one study each."""
    paths = [Path(str(get_testdata_file(name, download=False))) for name in names]
    return [StudyFiles(str(pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID), (path,)) for path in paths]


def study_of(folder: Path) -> StudyFiles:
    """The files of a folder, which are one study."""
    files = tuple(sorted(path for path in folder.rglob("*.dcm") if path.is_file()))
    return StudyFiles(str(pydicom.dcmread(files[0], stop_before_pixels=True).StudyInstanceUID), files)


def set_of_files(paths: Sequence[Path]) -> dict[str, Encoded]:
    """Every data set of some files by SOP Instance UID."""
    return StudyFiles("", tuple(paths)).encoded()


def _still_then_frames() -> Iterator[Dataset]:
    """A fresh data set each time, without end: the still, then the frames of the loop over and over."""
    yield pydicom.dcmread(_ULTRASOUND / "GREYSCALE_IMAGE.dcm")
    loop = _loop()
    frame_size, frames, pixels = loop.Rows * loop.Columns, int(loop.NumberOfFrames), loop.PixelData
    for keyword in ("PixelData", "NumberOfFrames", "FrameTime", "FrameIncrementPointer", "FrameDelay"):
        if keyword in loop:
            delattr(loop, keyword)
    loop.SOPClassUID = loop.file_meta.MediaStorageSOPClassUID = UID(UltrasoundImageStorage)
    loop.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    while True:
        for index in range(frames):
            frame = copy.deepcopy(loop)
            frame.add_new(_PIXEL_DATA, "OB", pixels[index * frame_size : (index + 1) * frame_size])
            yield frame


def _loop() -> Dataset:
    with zipfile.ZipFile(_ULTRASOUND / "GREYSCALE_CINE.zip") as archive:
        return pydicom.dcmread(io.BytesIO(archive.read("GREYSCALE_CINE.dcm")))
