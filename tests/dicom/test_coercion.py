from __future__ import annotations

import datetime
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.coercion import coerced, restored
from idas_p2p.dicom.convert import inflated
from idas_p2p.errors import CannotConvert, MalformedInstance
from tests.dicom.memory_node import make_dataset

AT = datetime.datetime(2026, 11, 24, 20, 0, 0, tzinfo=datetime.UTC)
LOCAL = {"PatientID": "L-77", "IssuerOfPatientID": "LAKE", "AccessionNumber": "EXT-1"}
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]


def encoded(syntax: str, *, size: int = 1_000, patient_id: str = "P-123", issuer: str = "CITY") -> bytes:
    ds = make_dataset(1, size=size)
    ds.PatientID, ds.IssuerOfPatientID, ds.AccessionNumber = patient_id, issuer, "A9"
    file = BytesIO()
    from pydicom.filebase import DicomIO
    from pydicom.filewriter import write_dataset

    buffer = DicomIO(file)
    buffer.is_implicit_VR, buffer.is_little_endian = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    ds.SpecificCharacterSet = "ISO_IR 100"
    write_dataset(buffer, ds)
    return file.getvalue()


def decoded(data: bytes, syntax: str) -> Dataset:
    return read_dataset(BytesIO(data), syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_what_was_replaced_is_recorded_and_comes_back_byte_for_byte(syntax: str) -> None:
    before = encoded(syntax)
    after = coerced(MemoryBlob(before), syntax, LOCAL, system="IDAS", source="City Hospital", at=AT)
    ds = decoded(after.read(), syntax)
    assert {keyword: ds[keyword].value for keyword in LOCAL} == LOCAL
    item = ds.OriginalAttributesSequence[0]
    original = item.ModifiedAttributesSequence[0]
    assert (original.PatientID, original.IssuerOfPatientID, original.AccessionNumber) == ("P-123", "CITY", "A9")
    assert (item.ModifyingSystem, item.SourceOfPreviousValues) == ("IDAS", "City Hospital")
    assert item.ReasonForTheAttributeModification == "COERCE"
    assert str(item.AttributeModificationDateTime) == "20261124200000.000000+0000"
    assert ds.PixelData == decoded(before, syntax).PixelData
    assert restored(after, syntax).read() == before


def test_coerced_twice_goes_back_one_step_at_a_time() -> None:
    syntax = ExplicitVRLittleEndian
    before = encoded(syntax)
    once = coerced(MemoryBlob(before), syntax, {"PatientID": "X1"}, system="A", source="B", at=AT)
    twice = coerced(once, syntax, {"PatientID": "X2"}, system="A", source="B", at=AT)
    assert len(decoded(twice.read(), syntax).OriginalAttributesSequence) == 2
    assert restored(twice, syntax).read() == once.read()
    assert restored(restored(twice, syntax), syntax).read() == before


def test_nothing_changes_where_nothing_would() -> None:
    before = MemoryBlob(encoded(ExplicitVRLittleEndian))
    same = {"PatientID": "P-123", "IssuerOfPatientID": "CITY"}
    assert coerced(before, ExplicitVRLittleEndian, same, system="A", source="B", at=AT) is before
    assert restored(before, ExplicitVRLittleEndian) is before


def test_a_large_image_is_not_read_into_memory_and_keeps_its_pixels() -> None:
    before = encoded(ExplicitVRLittleEndian, size=2_000_000)
    after = coerced(MemoryBlob(before), ExplicitVRLittleEndian, LOCAL, system="A", source="B", at=AT)
    assert after.read(after.size - 1_000_000) == before[-1_000_000:]
    assert restored(after, ExplicitVRLittleEndian).read() == before


def test_a_deflated_data_set_is_coerced_too() -> None:
    from idas_p2p.dicom.convert import deflated

    plain = encoded(ExplicitVRLittleEndian)
    data = MemoryBlob(deflated(plain))
    after = coerced(data, DeflatedExplicitVRLittleEndian, LOCAL, system="A", source="B", at=AT)
    assert decoded(inflated(after.read()), ExplicitVRLittleEndian).PatientID == "L-77"
    assert inflated(restored(after, DeflatedExplicitVRLittleEndian).read()) == plain


@pytest.mark.parametrize("value", ["Ü1", "a\\b", "x" * 65])
def test_a_value_that_cannot_be_written_is_refused(value: str) -> None:
    data = MemoryBlob(encoded(ExplicitVRLittleEndian))
    with pytest.raises(CannotConvert):
        coerced(data, ExplicitVRLittleEndian, {"PatientID": value}, system="A", source="B", at=AT)


def test_bytes_that_are_no_data_set_are_refused() -> None:
    cut = MemoryBlob(encoded(ExplicitVRLittleEndian)[:50])
    with pytest.raises(MalformedInstance):
        coerced(cut, ExplicitVRLittleEndian, LOCAL, system="A", source="B", at=AT)
    with pytest.raises(MalformedInstance):
        restored(cut, ExplicitVRLittleEndian)


def test_other_programs_can_read_it() -> None:
    after = coerced(
        MemoryBlob(encoded(ExplicitVRLittleEndian)), ExplicitVRLittleEndian, LOCAL, system="A", source="B", at=AT
    )
    assert dcmread(BytesIO(after.read()), force=True).PatientID == "L-77"
