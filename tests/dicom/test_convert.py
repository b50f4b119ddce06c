import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID
from pynetdicom.dsutils import decode

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.convert import TARGETS, convert
from idas_p2p.dicom.part10 import read_part10
from idas_p2p.errors import CannotConvert, MalformedInstance
from idas_p2p.wire.instance import Instance
from tests.dicom.encoded import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, header

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")  # about what the shipped images hold


def shipped(name: str) -> Path:
    return Path(str(get_testdata_file(name, download=False)))


def as_dataset(instance: Instance) -> Dataset:
    """The instance as pydicom reads it."""
    syntax, data = UID(instance.transfer_syntax_uid), instance.data.read()
    if syntax.is_deflated:
        data = zlib.decompress(data, -zlib.MAX_WBITS)
    ds = decode(BytesIO(data), syntax.is_implicit_VR, syntax.is_little_endian)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(EXPLICIT) if syntax.is_deflated else syntax
    return ds


@pytest.mark.parametrize("target", TARGETS, ids=lambda uid: UID(uid).keyword)
@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm", "MR_small_RLE.dcm",
        "SC_rgb_rle_2frame.dcm", "SC_rgb_rle_16bit.dcm", "ExplVR_BigEnd.dcm", "emri_small_RLE.dcm",
    ],
)  # fmt: skip
def test_every_pixel_and_every_value_survives(name: str, target: str) -> None:
    converted = convert(read_part10(shipped(name)), [target])
    before, after = pydicom.dcmread(shipped(name)), as_dataset(converted)
    assert converted.transfer_syntax_uid == target
    assert np.array_equal(before.pixel_array, after.pixel_array)
    for keyword in ("SOPInstanceUID", "PatientName", "StudyDescription", "PixelSpacing", "Rows", "WindowCenter"):
        assert after.get(keyword) == before.get(keyword)


def test_an_accepted_instance_is_returned_as_it_is() -> None:
    instance = read_part10(shipped("MR_small_RLE.dcm"))
    assert convert(instance, [EXPLICIT, instance.transfer_syntax_uid]) is instance


def test_inflating_and_deflating_gives_the_same_data_set() -> None:
    instance = read_part10(shipped("CT_small.dcm"))
    deflated = convert(instance, [DEFLATED])
    assert deflated.data.size < instance.data.size
    assert convert(deflated, [EXPLICIT]).data.read() == instance.data.read()


def test_explicit_is_preferred_to_implicit() -> None:
    assert convert(read_part10(shipped("MR_small_RLE.dcm")), [IMPLICIT, EXPLICIT]).transfer_syntax_uid == EXPLICIT


@pytest.mark.parametrize(
    ("name", "accepted", "reason"),
    [
        ("CT_small.dcm", [JPEG_BASELINE], "no uncompressed"),
        ("CT_small.dcm", [], "no uncompressed"),
        ("693_J2KI.dcm", [EXPLICIT], "lossy"),
        ("rtdose_expb.dcm", [EXPLICIT], "two ways"),
    ],
)
def test_what_would_lose_something_is_refused_with_the_reason(name: str, accepted: list[str], reason: str) -> None:
    instance = read_part10(shipped(name))
    with pytest.raises(CannotConvert, match=reason):
        convert(instance, accepted)


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG_ENDIAN, DEFLATED, "1.2.840.10008.1.2.5"])
def test_what_is_no_data_set_of_its_syntax_is_malformed(syntax: str) -> None:
    instance = Instance(
        study_uid="1.2.3",
        series_uid="1.2.3.4",
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3.4.5",
        transfer_syntax_uid=syntax,
        data=MemoryBlob(header()[:-1]),
    )
    with pytest.raises(MalformedInstance):
        convert(instance, [EXPLICIT])
