import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.part10 import read_part10
from idas_p2p.dicom.walk import MAX_ELEMENTS, PixelData, _Walk, read_elements
from idas_p2p.errors import MalformedInstance
from idas_p2p.wire.study import KEYWORDS
from tests.dicom.encoded import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    element,
    header,
    implicit,
    nested,
    text,
)  # fmt: skip

KEYS = ("PatientName", "StudyInstanceUID")
PIXELS = 0x7FE00010


class CountingBlob:
    """A blob that counts the bytes read from it."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self.size, self.read_bytes = data, size, 0

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        piece = self._data[offset : offset + (self.size if length is None else length)]
        self.read_bytes += len(piece)
        return piece


def names(data: bytes, syntax: str = EXPLICIT) -> tuple[str, str]:
    read = read_elements(MemoryBlob(data), syntax, KEYS).reader()
    return read("PatientName"), read("StudyInstanceUID")


def test_attributes_are_read_in_explicit_vr() -> None:
    assert names(header()) == ("Doe^Jane", "1.2.3")


def test_attributes_are_read_in_implicit_vr() -> None:
    assert names(implicit(0x00100010, b"Doe^Jane") + implicit(0x0020000D, b"1.2.3\0"), IMPLICIT) == (
        "Doe^Jane",
        "1.2.3",
    )


def test_attributes_are_read_in_big_endian() -> None:
    data = struct.pack(">HH2sH", 0x0010, 0x0010, b"PN", 8) + b"Doe^Jane"
    assert names(data, BIG_ENDIAN) == ("Doe^Jane", "")


@pytest.mark.parametrize(("syntax", "rows"), [(EXPLICIT, b"\x00\x02"), (BIG_ENDIAN, b"\x02\x00")])
def test_a_number_is_the_same_in_either_byte_order(syntax: str, rows: bytes) -> None:
    order = ">" if syntax == BIG_ENDIAN else "<"
    data = struct.pack(f"{order}HH2sH", 0x0028, 0x0010, b"US", 2) + rows
    elements = read_elements(MemoryBlob(data), syntax, ["Rows", "Columns"])
    assert (elements.number("Rows"), elements.number("Columns")) == (512, None)


def test_attributes_are_read_from_a_deflated_head() -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = packer.compress(header() + element(PIXELS, "OW", bytes(100_000))) + packer.flush()
    assert names(data[: len(data) // 2 + 200], DEFLATED) == ("Doe^Jane", "1.2.3")


def test_attributes_inside_sequences_are_not_taken_for_those_of_the_instance() -> None:
    inner = implicit(ITEM, text(0x00100010, "PN", "Other^Person"))
    data = element(0x00081115, "SQ", inner + implicit(SEQUENCE_END, b""), length=UNDEFINED) + header()
    assert names(data) == ("Doe^Jane", "1.2.3")


@pytest.mark.parametrize("length", [None, UNDEFINED])
def test_pixel_data_is_found_and_not_read(length: int | None) -> None:
    data = header() + element(PIXELS, "OW", bytes(1_000), length=length)
    found = read_elements(MemoryBlob(data), EXPLICIT, KEYS).pixel_data
    assert found == PixelData(len(data) - 1_000, None if length else 1_000)


def test_an_icon_inside_a_sequence_is_not_the_pixel_data() -> None:
    fragments = implicit(ITEM, b"") + implicit(ITEM, b"icon") + implicit(SEQUENCE_END, b"")
    icon = implicit(
        ITEM, element(PIXELS, "OB", fragments, length=UNDEFINED) + implicit(ITEM_END, b""), length=UNDEFINED
    )
    data = header() + element(0x00880200, "SQ", icon + implicit(SEQUENCE_END, b""), length=UNDEFINED)
    assert read_elements(MemoryBlob(data), EXPLICIT, KEYS).pixel_data is None


def test_a_sequence_of_unknown_vr_holds_implicit_elements() -> None:
    item = implicit(ITEM, implicit(0x00100010, b"Other") + implicit(ITEM_END, b""), length=UNDEFINED)
    data = element(0x00091001, "UN", item + implicit(SEQUENCE_END, b""), length=UNDEFINED) + header()
    assert names(data) == ("Doe^Jane", "1.2.3")


def test_sequences_as_deep_as_they_like_need_no_recursion() -> None:
    assert names(nested(50_000) + header()) == ("Doe^Jane", "1.2.3")


def test_only_the_head_of_a_large_instance_is_read() -> None:
    size = 2_000_000_000
    data = header() + element(PIXELS, "OW", b"", length=size)
    blob = CountingBlob(data, len(data) + size)
    read_elements(blob, EXPLICIT, KEYS)
    assert blob.read_bytes <= 4 * len(data)


def test_a_long_value_is_cut_to_what_may_be_read() -> None:
    data = element(0x00100010, "UT", bytes(100_000))
    assert len(read_elements(MemoryBlob(data), EXPLICIT, KEYS, max_value_size=10).values[0x00100010]) == 10


@pytest.mark.parametrize(
    "data",
    [
        header() + element(PIXELS, "OW", b"", length=8_000_000_000 % UNDEFINED),
        header()[:-3],
        header() + b"\x20\x00",
        element(0x00081115, "SQ", b"", length=UNDEFINED) + text(0x00100010, "PN", "no item"),
        implicit(ITEM, b""),
        implicit(SEQUENCE_END, b"") + header(),
        element(0x00081115, "SQ", b"", length=UNDEFINED) + header(),
        nested(10)[:-8],
        element(0x00090010, "LO", b"") * (MAX_ELEMENTS + 1),
    ],
    ids=range(9),
)
def test_what_is_no_data_set_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedInstance):
        read_elements(MemoryBlob(data), EXPLICIT, KEYS)


def test_lengths_claimed_take_no_memory() -> None:
    data = element(0x00100010, "UN", b"", length=4_000_000_000)
    tracemalloc.start()
    with pytest.raises(MalformedInstance):
        read_elements(MemoryBlob(data), EXPLICIT, KEYS)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


elements = st.builds(
    element,
    st.sampled_from([0x00100010, 0x00081115, PIXELS]),
    st.sampled_from(["SQ", "OB", "UN"]),
    st.binary(max_size=8),
    length=st.sampled_from([None, UNDEFINED, 6]),
)
whole = st.sampled_from([nested(2), header(), implicit(ITEM, b"", length=UNDEFINED), implicit(ITEM_END, b"")])
pieces = st.lists(st.one_of(st.binary(max_size=12), whole, elements), max_size=6).map(b"".join)


@given(pieces, st.sampled_from([EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED]))
def test_any_bytes_give_elements_or_are_malformed(data: bytes, syntax: str) -> None:
    try:
        read = read_elements(MemoryBlob(data), syntax, KEYS)
    except MalformedInstance:
        return
    assert isinstance(read.reader()("PatientName"), str)


def outcome(data: bytes, syntax: str) -> object:
    try:
        return read_elements(MemoryBlob(data), syntax, KEYS)
    except MalformedInstance as error:
        return str(error)


@given(pieces, st.sampled_from([EXPLICIT, IMPLICIT, BIG_ENDIAN]))
def test_what_is_stepped_over_quickly_is_what_would_be_stepped_over_slowly(data: bytes, syntax: str) -> None:
    quick = outcome(data, syntax)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Walk, "_glide", lambda _: 0)
        assert outcome(data, syntax) == quick


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_bigendian.dcm", "rtplan.dcm", "liver.dcm", "reportsi.dcm"])
def test_real_headers_read_quickly_are_as_read_slowly(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = read_part10(Path(str(get_testdata_file(name, download=False))))
    quick = read_elements(instance.data, instance.transfer_syntax_uid, KEYWORDS)
    monkeypatch.setattr(_Walk, "_glide", lambda _: 0)
    assert read_elements(instance.data, instance.transfer_syntax_uid, KEYWORDS) == quick
