import zlib
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.part10 import scan_part10
from idas_p2p.dicom.scan import bears_its_names, header_of
from idas_p2p.errors import MalformedInstance
from tests.dicom.encoded import DEFLATED, EXPLICIT, header, nested, text

SHIPPED = [
    "CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm", "JPEG-LL.dcm", "rtplan.dcm",
    "image_dfl.dcm", "reportsi.dcm", "emri_small.dcm", "waveform_ecg.dcm", "693_J2KI.dcm", "examples_ybr_color.dcm",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")  # about what the shipped images hold
@pytest.mark.parametrize("name", SHIPPED)
def test_a_header_says_what_pydicom_says(name: str) -> None:
    path = Path(str(get_testdata_file(name, download=False)))
    found, ds = scan_part10(path)[1], pydicom.dcmread(path)
    assert found.sop_instance_uid == ds.SOPInstanceUID
    assert found.sop_class_uid == ds.SOPClassUID
    assert found.series_uid == ds.SeriesInstanceUID
    assert found.study.study_uid == ds.StudyInstanceUID
    assert found.study.patient_name == str(ds.PatientName)
    assert found.study.modalities == (ds.Modality,)
    assert (found.study.series_count, found.study.instance_count) == (1, 1)


def test_the_study_is_read_in_the_character_set_of_the_instance() -> None:
    data = text(0x00080005, "CS", "ISO_IR 192") + header() + text(0x00081030, "LO", "Bauch mit Kontrastmittel, Größe")
    assert header_of(MemoryBlob(data), EXPLICIT).study.description == "Bauch mit Kontrastmittel, Größe"


def test_a_header_names_its_instance_with_the_same_bytes() -> None:
    blob = MemoryBlob(header())
    instance = header_of(blob, EXPLICIT).instance(blob, EXPLICIT)
    assert (instance.study_uid, instance.series_uid, instance.sop_instance_uid) == ("1.2.3", "1.2.3.4", "1.2.3.4.5")
    assert instance.data is blob


def test_no_sequence_is_too_deep() -> None:
    assert header_of(MemoryBlob(header(between=nested(20_000))), EXPLICIT).modality == "CT"


def test_a_header_never_prints_itself() -> None:
    assert "Doe" not in repr(header_of(MemoryBlob(header()), EXPLICIT))


@pytest.mark.parametrize("tag", [0x00080016, 0x00080018, 0x0020000D, 0x0020000E])
def test_an_instance_without_one_of_its_uids_is_malformed(tag: int) -> None:
    data = header().replace(tag.to_bytes(4, "big")[1::-1] + tag.to_bytes(4, "big")[:1:-1], b"\x21\x00\x01\x00")
    with pytest.raises(MalformedInstance, match="UID"):
        header_of(MemoryBlob(data), EXPLICIT)


@given(st.integers(0, len(header())), st.binary(max_size=6), st.sampled_from([EXPLICIT, DEFLATED]))
def test_a_damaged_instance_gives_a_header_or_is_malformed(place: int, damage: bytes, syntax: str) -> None:
    data = header()
    data = data[:place] + damage + data[place + len(damage) :]
    if syntax == DEFLATED:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = packer.compress(data) + packer.flush()
        data = data[:place] + damage + data[place + len(damage) :]
    try:
        found = header_of(MemoryBlob(data), syntax)
    except MalformedInstance:
        return
    assert 0 < len(found.sop_instance_uid) <= 64


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm", "image_dfl.dcm"])
def test_an_instance_bears_its_own_names_and_no_others(name: str) -> None:
    instance = scan_part10(Path(str(get_testdata_file(name, download=False))))[0]
    assert bears_its_names(instance)
    for field in ("study_uid", "series_uid", "sop_class_uid", "sop_instance_uid"):
        assert not bears_its_names(replace(instance, **{field: "1.2.3"}))
    with pytest.raises(MalformedInstance):
        bears_its_names(replace(instance, data=MemoryBlob(b"no data set")))


def test_what_is_behind_the_names_is_not_looked_at() -> None:
    instance, _ = scan_part10(Path(str(get_testdata_file("CT_small.dcm", download=False))))
    data = instance.data.read()
    end = data.index(instance.series_uid.encode()) + 100
    assert bears_its_names(replace(instance, data=MemoryBlob(data[:end])))
    assert not bears_its_names(replace(instance, series_uid="1.2", data=MemoryBlob(data[:end])))
