import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode

from idas_p2p.dicom.recode import recode
from idas_p2p.errors import MalformedInstance
from tests.dicom.encoded import ITEM, SEQUENCE_END, UNDEFINED, element, header, implicit, nested, text
from tests.dicom.test_walk import pieces


def read(data: bytes, *, is_implicit: bool) -> Dataset:
    return decode(BytesIO(data), is_implicit, True)


def test_vrs_are_left_out_and_put_back() -> None:
    there = recode(header(), implicit=False, to_implicit=True)
    assert read(there, is_implicit=True).PatientName == "Doe^Jane"
    assert recode(there, implicit=True, to_implicit=False) == header()


def test_text_stays_as_it_is_in_whatever_character_set() -> None:
    raw = b"\x1b$B;3ED\x1b(B^\xff\x00"
    there = recode(element(0x00100010, "PN", raw), implicit=False, to_implicit=True)
    assert there == implicit(0x00100010, raw)


def test_sequences_of_defined_length_are_recoded_inside() -> None:
    item = implicit(ITEM, text(0x00081150, "UI", "1.2") + text(0x00081155, "UI", "1.3.4"))
    there = recode(element(0x00081115, "SQ", item + item), implicit=False, to_implicit=True)
    again = read(there, is_implicit=True)
    assert [item.ReferencedSOPInstanceUID for item in again.ReferencedSeriesSequence] == ["1.3.4", "1.3.4"]


def test_private_elements_become_un_and_their_creators_lo() -> None:
    data = implicit(0x00090010, b"MAKER ") + implicit(0x00091001, b"\x01\x02")
    assert recode(data, implicit=True, to_implicit=False) == (
        element(0x00090010, "LO", b"MAKER ") + element(0x00091001, "UN", b"\x01\x02")
    )


@pytest.mark.parametrize(("signed", "vr"), [(0, "US"), (1, "SS")])
def test_pixel_values_are_signed_as_the_pixels_are(signed: int, vr: str) -> None:
    data = implicit(0x00280103, struct.pack("<H", signed)) + implicit(0x00280106, b"\xff\xff")
    assert recode(data, implicit=True, to_implicit=False).endswith(element(0x00280106, vr, b"\xff\xff"))


def test_words_are_swapped_from_big_endian() -> None:
    data = struct.pack(">HH2sHH", 0x0028, 0x0010, b"US", 2, 512) + struct.pack(
        ">HH2sHL4s", 0x7FE0, 16, b"OW", 0, 4, b"abcd"
    )
    there = recode(data, implicit=False, big_endian=True, to_implicit=False)
    assert there == element(0x00280010, "US", struct.pack("<H", 512)) + element(0x7FE00010, "OW", b"badc")


def test_a_value_too_long_for_its_vr_becomes_un() -> None:
    value = bytes(70_000)
    assert recode(implicit(0x00100010, value), implicit=True, to_implicit=False) == element(0x00100010, "UN", value)


def test_replaced_elements_have_their_new_value_and_others_stay_absent() -> None:
    data = element(0x00280004, "CS", b"YBR_RCT ")
    new = {0x00280004: (b"CS", b"RGB "), 0x00280006: (b"US", b"\0\0")}
    assert recode(data, implicit=False, to_implicit=False, replacements=new) == element(0x00280004, "CS", b"RGB ")


def test_group_lengths_are_left_out() -> None:
    data = element(0x00080000, "UL", b"\x04\0\0\0")
    assert recode(data + header(), implicit=False, to_implicit=False) == header()


def test_fragments_of_encapsulated_data_pass_as_they_are() -> None:
    fragments = implicit(ITEM, b"") + implicit(ITEM, b"\xff\xd8\xff\xd9") + implicit(SEQUENCE_END, b"")
    data = element(0x7FE00010, "OB", fragments, length=UNDEFINED)
    assert recode(data, implicit=False, to_implicit=False) == data


def test_no_sequence_is_too_deep_to_recode() -> None:
    data = nested(20_000) + header()
    assert recode(recode(data, implicit=False, to_implicit=True), implicit=True, to_implicit=False) == data


@given(pieces, st.booleans(), st.booleans(), st.booleans())
def test_any_bytes_recode_or_are_malformed(data: bytes, is_implicit: bool, big_endian: bool, to_implicit: bool) -> None:
    try:
        recoded = recode(data, implicit=is_implicit, big_endian=big_endian, to_implicit=to_implicit)
    except MalformedInstance:
        return
    if not to_implicit:  # what has its VRs needs no dictionary to be read again
        assert recode(recoded, implicit=False, to_implicit=False) == recoded
