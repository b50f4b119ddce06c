"""Objects for the tests of levels: encoded from pydicom's data sets, and read again with it."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from idas_p2p.access.levels import DEIDENTIFIED
from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.levels.engine import Engine
from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.dicom.part10 import read_meta, read_part10, write_part10
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.level import BurnedIn, Level, Option

KEY = bytes(range(32))
CT = "1.2.840.10008.5.1.4.1.1.2"
EVERYTHING_PASSES = replace(DEIDENTIFIED, burned_in=BurnedIn.ALLOW)


def with_options(*options: Option, base: Level = DEIDENTIFIED) -> Level:
    return replace(base, name="own", options=frozenset(options))


def engine(level: Level, key: bytes = KEY) -> Engine:
    return Engine(Plan(level), Pseudonyms(key, domain=level.domain, uid_root=level.uid_root))


def ct_slice(**attributes: object) -> Dataset:
    """A CT image as a small hospital would make it."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CT, "1.2.3.4.5"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "1.2.3", "1.2.3.4", "1.2.3.9"
    ds.ImageType, ds.Modality = ["ORIGINAL", "PRIMARY", "AXIAL"], "CT"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20231105"
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = "101500"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Doering^Jane", "PID-4711", "19610203", "F"
    ds.AccessionNumber, ds.StudyID, ds.ReferringPhysicianName = "ACC99812", "S1", "Housegood^Gregory"
    ds.Rows = ds.Columns = 2
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = bytes(range(8))
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def item(**attributes: object) -> Sequence:
    """A sequence of one item."""
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return Sequence([ds])


def encoded(ds: Dataset, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> Instance:
    """The instance as an archive gives it."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        written = FileDataset(file, ds, file_meta=meta, preamble=bytes(128))
        dcmwrite(file, written, enforce_file_format=True)
    raw = file.getvalue()
    return Instance(
        study_uid=str(ds.StudyInstanceUID),
        series_uid=str(ds.SeriesInstanceUID),
        sop_class_uid=str(ds.SOPClassUID),
        sop_instance_uid=str(ds.SOPInstanceUID),
        transfer_syntax_uid=transfer_syntax_uid,
        data=MemoryBlob(raw[read_meta(raw).size :]),
    )


def decoded(instance: Instance) -> Dataset:
    """What pydicom reads of it."""
    file = io.BytesIO()
    write_part10(instance, file)
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's own files hold values it warns of
        ds = pydicom.dcmread(file)
        ds.decode()
        for element in ds.iterall():
            _ = element.value
    return ds


def levelled(ds: Dataset, level: Level, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> Dataset:
    """The data set as a level shows it."""
    return decoded(engine(level).apply(encoded(ds, transfer_syntax_uid)))


def sample(name: str) -> Instance:
    """One of pydicom's own files."""
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return read_part10(Path(path))
