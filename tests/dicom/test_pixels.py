from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.pixels.decoders.base import Decoder
from pydicom.uid import UID

from idas_p2p.dicom import pixels
from idas_p2p.dicom.part10 import read_part10
from idas_p2p.dicom.pixels import decode_pixels
from idas_p2p.errors import CannotConvert, MalformedInstance
from tests.dicom.encoded import ITEM, SEQUENCE_END, UNDEFINED, element, header, implicit

RLE, JPEG_2000 = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"


def us(tag: int, value: int) -> bytes:
    return element(tag, "US", value.to_bytes(2, "little"))


def claiming(*, rows: int, columns: int, frames: str = "1 ") -> bytes:
    """An RLE instance that claims a size and holds nothing."""
    fragments = implicit(ITEM, b"") + implicit(ITEM, bytes(64)) + implicit(SEQUENCE_END, b"")
    return (
        header()
        + us(0x00280002, 1)
        + element(0x00280004, "CS", b"MONOCHROME2 ")
        + element(0x00280008, "IS", frames.encode())
        + us(0x00280010, rows)
        + us(0x00280011, columns)
        + us(0x00280100, 16)
        + us(0x00280101, 16)
        + us(0x00280103, 0)
        + element(0x7FE00010, "OB", fragments, length=UNDEFINED)
    )


@pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")  # about what the shipped images hold
@pytest.mark.parametrize(
    ("packed", "plain"),
    [
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
        ("emri_small_RLE.dcm", "emri_small.dcm"),
        ("emri_small_jpeg_2k_lossless.dcm", "emri_small.dcm"),
        ("emri_small_jpeg_ls_lossless.dcm", "emri_small.dcm"),
        ("SC_rgb_jpeg_gdcm.dcm", "SC_rgb.dcm"),
    ],
)
def test_decoded_pixels_are_those_that_were_compressed(packed: str, plain: str) -> None:
    instance = read_part10(Path(str(get_testdata_file(packed, download=False))))
    decoded = decode_pixels(instance.data.read(), instance.transfer_syntax_uid)
    assert len(decoded.data) % 2 == 0
    assert decoded.data == pydicom.dcmread(str(get_testdata_file(plain, download=False))).PixelData


def test_a_claim_of_gigabytes_is_refused_before_decoding() -> None:
    with pytest.raises(CannotConvert, match="too large"):
        decode_pixels(claiming(rows=65_535, columns=65_535), RLE)
    with pytest.raises(CannotConvert, match="too large"):
        decode_pixels(claiming(rows=512, columns=512, frames="999999"), RLE)


@pytest.mark.parametrize("data", [claiming(rows=4, columns=4), claiming(rows=0, columns=4), header(), header()[:-2]])
def test_pixels_that_do_not_decode_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedInstance):
        decode_pixels(data, RLE)


def test_where_no_decoder_is_installed_the_error_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Decoder(UID(RLE))
    monkeypatch.setattr(pixels, "get_decoder", lambda uid: bare)
    with pytest.raises(CannotConvert, match="install a newer pydicom"):
        decode_pixels(claiming(rows=1, columns=1), RLE)
    bare._unavailable = {"pylibjpeg": ("pylibjpeg>=2.0", "pylibjpeg-rle>=2.0"), "gdcm": ("gdcm>=3.0.10",)}
    with pytest.raises(CannotConvert, match=r"install gdcm>=3\.0\.10"):
        decode_pixels(claiming(rows=1, columns=1), RLE)
