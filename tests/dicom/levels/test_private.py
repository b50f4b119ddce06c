from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from idas_p2p.dicom.levels.private import creators_of, declared_safe, is_creator, personal, private_of, safe
from idas_p2p.dicom.levels.tree import Encoding, Tree
from tests.dicom.levels.objects import ct_slice, encoded


def test_a_private_element_is_named_by_the_creator_of_its_block_wherever_it_is() -> None:
    ds = ct_slice()
    ds.add_new(0x00190011, "LO", "SOMEBODY")
    ds.private_block(0x0019, "GEMS_ACQU_01", create=True).add_new(0x23, "DS", "40")
    data = encoded(ds).data.read()
    elements = Tree(data, Encoding()).read()
    private = [one for one in elements if one.tag >> 16 & 1 and not is_creator(one.tag)]
    assert [private_of(one, creators_of(data, elements)) for one in private] == [("GEMS_ACQU_01", 0x0019, 0x23)]


def test_the_standard_knows_some_to_be_safe_and_vendors_some_to_be_personal() -> None:
    assert ("Philips PET Private Group", 0x7053, 0x00) in safe()
    assert {("NQLeft", 0x0199, number) for number in (0x01, 0x20, 0x3A)} <= safe()
    assert ("MMCPrivate", 0x0009, 0x11) in personal()  # ReferringPhysician
    assert not safe() & personal()


def test_what_an_object_declares_safe_of_its_own_elements_is_read() -> None:
    some, whole = Dataset(), Dataset()
    some.PrivateGroupReference, some.PrivateCreatorReference = 0x0019, "ONE"
    some.BlockIdentifyingInformationStatus, some.NonidentifyingPrivateElements = "MIXED", [1, 3]
    whole.PrivateGroupReference, whole.PrivateCreatorReference = 0x0021, "OTHER"
    whole.BlockIdentifyingInformationStatus = "SAFE"
    data = encoded(ct_slice(PrivateDataElementCharacteristicsSequence=Sequence([some, whole]))).data.read()
    found = declared_safe(data, Tree(data, Encoding()).read(), big_endian=False)
    assert {one for one in found if one[0] == "ONE"} == {("ONE", 0x0019, 1), ("ONE", 0x0019, 3)}
    assert ("OTHER", 0x0021, 0xFF) in found
