from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from idas_p2p.dicom.levels.tree import MAX_DEPTH, Element, Encoding, Tree, Truncated
from idas_p2p.errors import MalformedInstance
from tests.dicom.encoded import header, nested
from tests.dicom.levels.objects import ct_slice, encoded, item

ENCODINGS = {
    ExplicitVRLittleEndian: Encoding(),
    ImplicitVRLittleEndian: Encoding(implicit=True),
    ExplicitVRBigEndian: Encoding(big_endian=True),
}


def all_of(elements: list[Element]) -> list[Element]:
    found = list[Element]()
    for element in elements:
        found += [element, *(inner for one in element.items or () for inner in all_of(one.elements))]
    return found


@pytest.mark.parametrize("syntax", ENCODINGS)
def test_elements_are_found_in_every_encoding_at_every_depth(syntax: str) -> None:
    ds = ct_slice(RequestAttributesSequence=item(ReferencedStudySequence=item(ReferencedSOPInstanceUID="1.2.9")))
    data = encoded(ds, syntax).data.read()
    tree = Tree(data, ENCODINGS[syntax])
    elements = tree.read()
    values = {element.tag: data[element.value : element.end] for element in all_of(elements)}
    assert values[0x00100010] == b"Doering^Jane"
    assert values[0x00081155] == b"1.2.9\0"
    assert {element.tag: element.vr for element in elements}[0x00100020] == b"LO"
    assert tree.pixels is not None
    assert data[tree.pixels.value :] == ds.PixelData if syntax != ExplicitVRBigEndian else True


def test_elements_lie_one_behind_another_without_a_gap() -> None:
    data = header() + nested(3)
    offset = 0
    for element in Tree(data, Encoding()).read():
        assert element.start == offset
        offset = element.end
    assert offset == len(data)


@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_any_bytes_give_a_tree_or_are_refused(data: bytes, implicit: bool, big_endian: bool) -> None:
    try:
        elements = Tree(data, Encoding(implicit=implicit, big_endian=big_endian and not implicit)).read()
    except (MalformedInstance, Truncated):
        return
    assert all(element.start < element.end <= len(data) for element in elements)


@given(st.integers(1, 400))
def test_a_data_set_cut_anywhere_is_shorter_or_truncated(cut: int) -> None:
    data = encoded(ct_slice(RequestAttributesSequence=item(StudyDate="20231105"))).data.read()
    tree = Tree(data[:-cut], Encoding())
    try:
        elements = tree.read()
    except Truncated:
        return
    assert tree.pixels is not None or sum(len(data[one.start : one.end]) for one in elements) == len(data) - cut


def test_sequences_nested_too_deeply_are_refused() -> None:
    assert Tree(nested(MAX_DEPTH), Encoding()).read()
    with pytest.raises(MalformedInstance, match="deeply"):
        Tree(nested(MAX_DEPTH + 1), Encoding()).read()
