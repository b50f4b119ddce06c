from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.levels.rebuild import REMOVED, Decision, Enter, Place, Rebuilder
from idas_p2p.dicom.levels.tree import Element, Tree
from tests.dicom.encoded import header, nested
from tests.dicom.levels.objects import ct_slice, decoded, encoded, item
from tests.dicom.levels.test_tree import ENCODINGS

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]


class Changes:
    """Gives some tags new values, and looks into every sequence."""

    def __init__(self, new: dict[int, bytes]) -> None:
        self.new = new

    def decide(self, element: Element, place: Place) -> Decision:
        return Enter() if element.items is not None else self.new.get(element.tag)


def rebuilt(data: bytes, syntax: str, new: dict[int, bytes]) -> bytes | None:
    tree = Tree(data, ENCODINGS[syntax])
    elements = tree.read()
    end = elements[-1].end
    place = Place(0, elements, ENCODINGS[syntax].implicit)
    pieces = Rebuilder(data, ENCODINGS[syntax], Changes(new)).rebuild(elements, 0, end, place)
    return None if pieces is None else b"".join(pieces) + data[end:]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("value", [b"", b"1", b"longer than it was before"])
def test_a_value_is_replaced_at_depth_and_all_lengths_are_right(syntax: str, value: bytes) -> None:
    inner = item(ReferencedStudySequence=item(StudyDescription="inner", StudyID="I"), StudyID="M")
    instance = encoded(ct_slice(RequestAttributesSequence=inner), syntax)
    new = rebuilt(instance.data.read(), syntax, {0x00081030: value})
    assert new is not None
    ds = decoded(replace(instance, data=MemoryBlob(new)))
    middle = ds.RequestAttributesSequence[0]
    assert middle.ReferencedStudySequence[0].StudyDescription == value.decode()
    assert (middle.ReferencedStudySequence[0].StudyID, middle.StudyID) == ("I", "M")
    assert ds.PixelData == ct_slice().PixelData


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_nobody_changes_stays_the_same_bytes(syntax: str) -> None:
    data = encoded(ct_slice(RequestAttributesSequence=item(StudyID="M")), syntax).data.read()
    assert rebuilt(data, syntax, {}) is None


def test_an_element_can_be_removed_and_open_sequences_stay_open() -> None:
    data = header() + nested(2)
    new = rebuilt(data, ExplicitVRLittleEndian, {0x00100010: REMOVED})
    assert new is not None
    assert b"Doe^Jane" not in new
    assert new.endswith(nested(2))
    assert len(new) == len(data) - 16


def test_a_value_too_long_for_its_representation_becomes_one_of_unknown_representation() -> None:
    new = rebuilt(header(), ExplicitVRLittleEndian, {0x00100020: bytes(70_000)})
    assert new is not None
    assert [one.vr for one in Tree(new, ENCODINGS[ExplicitVRLittleEndian]).read() if one.tag == 0x00100020] == [b"UN"]
