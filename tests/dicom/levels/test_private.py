from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from idas_p2p.dicom.levels.private import (
    creators_of,
    declared_safe,
    is_creator,
    personal,
    private_of,
    safe,
    safe_uids,
    sequences,
)
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


def test_every_row_of_the_table_of_the_standard_is_known_but_for_copies_of_pixels() -> None:
    beyond = ("GEMS_SENO_02", "GEMS_IDI_01", "LORAD Selenia", "PHILIPS MR IMAGING DD 001")
    ours = {one for one in safe() if one[0] in beyond or one[:2] == ("HOLOGIC, Inc.", 0x0019)}
    ours |= {one for one in safe() if one[0].startswith(("NQLeft", "NQRight")) and one[2] > 0x16}
    assert len(safe() - ours) == 479 - 3  # PS3.15 2026a Table E.3.10-1
    assert ("SIEMENS MR HEADER", 0x0019, 0x0C) in safe()  # B Value
    assert not {("Philips Imaging DD 001", 0x2001, number) for number in (0x7D, 0xFF)} & safe()
    assert ("NQHeader", 0x0099, 0x02) in safe_uids() <= safe()
    assert ("Philips Imaging DD 001", 0x2001, 0x5F) in sequences() <= safe()


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
