"""Where native pixels lie: what the head says, in either byte order, and nothing where there are none."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.layout import NATIVE, SeriesPixels, native_pixels
from idas_p2p.dicom.part10 import HEAD_SIZE, read_meta
from idas_p2p.errors import MalformedInstance
from tests.dicom.encoded import EXPLICIT, header


def raw(name: str) -> tuple[bytes, str, Path]:
    path = Path(str(get_testdata_file(name, download=False)))
    data = path.read_bytes()
    meta = read_meta(data[:HEAD_SIZE])
    return data[meta.size :], meta.transfer_syntax_uid, path


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "US1_UNCR.dcm", "rtdose.dcm"]
)
def test_pixels_lie_where_pydicom_finds_them(name: str) -> None:
    data, syntax, path = raw(name)
    dataset = pydicom.dcmread(path)
    pixels = native_pixels(MemoryBlob(data), syntax)
    assert pixels is not None
    assert data[pixels.offset : pixels.offset + pixels.length] == dataset.PixelData
    assert (pixels.rows, pixels.columns, pixels.samples) == (dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)
    assert pixels.bits_allocated == dataset.BitsAllocated
    assert pixels.is_planar == bool(dataset.get("PlanarConfiguration", 0))
    assert pixels.is_big_endian == ("bigendian" in name)


def test_an_instance_without_native_pixels_has_none() -> None:
    assert native_pixels(MemoryBlob(header()), EXPLICIT) is None
    data, syntax, _ = raw("MR_small_RLE.dcm")
    assert syntax not in NATIVE
    assert native_pixels(MemoryBlob(data), syntax) is None


def test_a_head_that_says_nothing_of_its_pixels_has_zeros() -> None:
    pixels = native_pixels(MemoryBlob(b"\xe0\x7f\x10\x00OW\0\0\x04\0\0\0four"), EXPLICIT)
    assert pixels is not None
    assert (pixels.offset, pixels.length, pixels.rows, pixels.bits_allocated) == (12, 4, 0, 0)


def test_what_is_cut_short_is_malformed() -> None:
    data, syntax, _ = raw("CT_small.dcm")
    with pytest.raises(MalformedInstance):
        native_pixels(MemoryBlob(data[:5_000]), syntax)


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "US1_UNCR.dcm"])
def test_the_next_of_a_series_gets_the_layout_that_its_head_says(name: str) -> None:
    data, syntax, _ = raw(name)
    series = SeriesPixels()
    longer = b"\x08\x00\x01\x00" + (b"UI" if syntax == EXPLICIT else b"") + b"\x02\x00" + bytes(2) + data
    instances = [data, data] + ([longer, data] if syntax == EXPLICIT else [])
    for one in instances:
        assert series.of("1.2", MemoryBlob(one), syntax) == native_pixels(MemoryBlob(one), syntax)


def test_the_next_of_a_series_that_is_otherwise_is_looked_at() -> None:
    series = SeriesPixels()
    data, syntax, _ = raw("CT_small.dcm")
    first = series.of("1.2", MemoryBlob(data), syntax)
    assert first is not None
    shorter = data[: first.offset - 4] + (first.length - 2).to_bytes(4, "little") + data[first.offset : -2]
    assert series.of("1.2", MemoryBlob(shorter), syntax) == native_pixels(MemoryBlob(shorter), syntax)
    assert series.of("1.2", MemoryBlob(header()), EXPLICIT) is None
    with pytest.raises(MalformedInstance):
        series.of("1.2", MemoryBlob(data[:5_000]), syntax)
