from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from idas_p2p.access.levels import DEIDENTIFIED, OBSCURED
from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.levels.engine import READ_WHOLE
from idas_p2p.errors import AccessDenied, MalformedInstance
from idas_p2p.wire.level import Level, Option
from tests.dicom.encoded import ITEM, element, header, implicit
from tests.dicom.levels.objects import (
    EVERYTHING_PASSES,
    ct_slice,
    decoded,
    encoded,
    engine,
    item,
    levelled,
    sample,
    with_options,
)

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
COMPRESSED = ["JPEG2000.dcm", "MR_small_RLE.dcm", "JPGExtended.dcm", "emri_small_jpeg_ls_lossless.dcm"]
NATIVE = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "rtplan.dcm",
    "rtdose.dcm",
    "liver_1frame.dcm",
    "image_dfl.dcm",
]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_instance_is_deidentified_in_every_encoding_and_its_pixels_stay(syntax: str) -> None:
    ds = levelled(ct_slice(PatientAddress="Longroad 5", OtherPatientNames="Doering^J"), DEIDENTIFIED, syntax)
    assert ds.PatientName == ds.PatientID != "PID-4711"
    assert ds.StudyInstanceUID.startswith("2.25.")
    assert (ds.PatientBirthDate, ds.AccessionNumber, ds.StudyDate) == ("", "", "")
    assert {"PatientAddress", "OtherPatientNames", "SeriesDate"}.isdisjoint(ds.dir())
    assert (ds.Rows, ds.Modality, ds.PixelData) == (2, "CT", bytes(range(8)))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_names_are_obscured_at_every_depth_and_all_else_stays(syntax: str) -> None:
    inner = item(PersonName="Curieous^Marie", PersonAddress="Radium Lane 1")
    ds = ct_slice(RequestAttributesSequence=item(RequestedProcedureID="R1", ReferencedSeriesSequence=inner))
    shown = levelled(ds, OBSCURED, syntax)
    assert shown.PatientName != "Doering^Jane"
    assert shown.ReferringPhysicianName == ""
    found = shown.RequestAttributesSequence[0].ReferencedSeriesSequence[0]
    assert found.PersonName == "REMOVED"
    assert "PersonAddress" not in found
    assert (shown.PatientID, shown.StudyInstanceUID, shown.StudyDate) == ("PID-4711", "1.2.3", "20231105")
    assert shown.RequestAttributesSequence[0].RequestedProcedureID == "R1"
    assert shown.PixelData == bytes(range(8))


def test_the_same_instance_gives_the_same_bytes_again_and_with_another_key_others() -> None:
    instance = encoded(ct_slice())
    first, again = (engine(DEIDENTIFIED).apply(instance).data.read() for _ in range(2))
    assert first == again
    assert engine(DEIDENTIFIED, bytes(32)).apply(instance).data.read() != first


def test_a_deidentified_object_says_so_by_profile_and_options() -> None:
    ds = levelled(ct_slice(), with_options(Option.CLEAN_DESCRIPTORS, Option.RETAIN_MODIFIED_DATES))
    assert ds.PatientIdentityRemoved == "YES"
    assert ds.DeidentificationMethod
    assert [code.CodeValue for code in ds.DeidentificationMethodCodeSequence] == ["113100", "113105", "113107"]
    assert ds.LongitudinalTemporalInformationModified == "MODIFIED"
    tags = [element.tag for element in ds]
    assert tags == sorted(tags)


def test_what_an_earlier_deidentification_said_is_replaced_not_repeated() -> None:
    ds = ct_slice(PatientIdentityRemoved="NO", DeidentificationMethod="by Dr Doering")
    shown = levelled(ds, DEIDENTIFIED)
    assert shown.PatientIdentityRemoved == "YES"
    assert "Doering" not in shown.DeidentificationMethod


def test_uids_are_mapped_alike_wherever_they_stand_and_those_of_the_standard_stay() -> None:
    ds = ct_slice(StudiesContainingOtherReferencedInstancesSequence=item(StudyInstanceUID="1.2.3"))
    shown = levelled(ds, DEIDENTIFIED)
    other = shown.StudiesContainingOtherReferencedInstancesSequence[0].StudyInstanceUID
    assert other == shown.StudyInstanceUID == engine(DEIDENTIFIED).uid("1.2.3")
    assert shown.SOPClassUID == ct_slice().SOPClassUID


def test_the_names_of_the_instance_are_those_in_its_data_set() -> None:
    instance = engine(DEIDENTIFIED).apply(encoded(ct_slice()))
    ds = decoded(instance)
    assert instance.study_uid == ds.StudyInstanceUID
    assert instance.series_uid == ds.SeriesInstanceUID
    assert instance.sop_instance_uid == ds.SOPInstanceUID


def test_uids_can_be_made_under_a_root_of_the_hospital() -> None:
    level = replace(DEIDENTIFIED, name="own", uid_root="1.2.826.0.1.3680043.9.1")
    uid = levelled(ct_slice(), level).StudyInstanceUID
    assert uid.startswith("1.2.826.0.1.3680043.9.1.")
    assert len(uid) <= 64


@pytest.mark.parametrize("name", NATIVE + COMPRESSED)
@pytest.mark.parametrize("level", [OBSCURED, EVERYTHING_PASSES], ids=str)
def test_real_objects_can_be_read_afterwards_and_their_pixels_are_the_same_bytes(name: str, level: Level) -> None:
    instance = sample(name)
    before, after = decoded(instance), decoded(engine(level).apply(instance))
    assert after.get("PixelData") == before.get("PixelData")
    assert after.PatientName != before.PatientName or not before.PatientName
    assert after.SOPClassUID == before.SOPClassUID
    after.to_json_dict(suppress_invalid_tags=True)


def test_a_large_instance_is_not_copied_and_reads_the_same() -> None:
    ds = ct_slice(Rows=1024, Columns=1024, NumberOfFrames=3, PixelData=bytes(range(256)) * (3 * 8192))
    instance = encoded(ds)
    assert instance.data.size > READ_WHOLE
    shown = engine(DEIDENTIFIED).apply(instance)
    assert not isinstance(shown.data, MemoryBlob)
    assert decoded(shown).PixelData == ds.PixelData
    assert shown.data.read(100, 50) == shown.data.read()[100:150]


def test_what_follows_the_pixels_is_levelled_too() -> None:
    instance = encoded(ct_slice(DataSetTrailingPadding=b"Doering^Jane"))
    with_tail = decoded(engine(DEIDENTIFIED).apply(instance))
    assert "DataSetTrailingPadding" not in with_tail
    only_names = decoded(engine(OBSCURED).apply(instance))
    assert b"Doering" not in only_names.DataSetTrailingPadding


def test_an_identifier_put_where_none_belongs_is_cut_out() -> None:
    ds = ct_slice(KVP="120", ConvolutionKernel="JANE DOERING", SeriesNumber="3")
    ds.add_new(0x00189005, "SH", "x PID-4711 y")  # Pulse Sequence Name: of no row of the table
    shown = levelled(ds, DEIDENTIFIED)
    assert "DOERING" not in shown.ConvolutionKernel.upper()
    assert "4711" not in shown[0x00189005].value
    assert shown.KVP == 120


def test_an_image_that_says_that_it_has_text_burned_in_is_refused() -> None:
    with pytest.raises(AccessDenied, match="burned"):
        engine(DEIDENTIFIED).apply(encoded(ct_slice(BurnedInAnnotation="YES")))


@pytest.mark.parametrize("cut", [1, 5, 15, 25])
def test_an_instance_that_is_cut_short_is_refused_not_half_levelled(cut: int) -> None:
    instance = encoded(ct_slice())
    data = instance.data.read()
    with pytest.raises(MalformedInstance):
        engine(DEIDENTIFIED).apply(replace(instance, data=MemoryBlob(data[:-cut])))


def test_overlays_and_curves_are_removed_whole() -> None:
    ds = ct_slice()
    for tag, vr, value in (
        (0x60000010, "US", 2),
        (0x60000011, "US", 2),
        (0x60003000, "OW", b"\0\0"),
        (0x50000005, "US", 1),
    ):
        ds.add_new(tag, vr, value)
    shown = levelled(ds, DEIDENTIFIED)
    assert not [element.tag for element in shown if element.tag.group in (0x5000, 0x6000)]


def test_clean_graphics_keeps_regions_of_interest_and_removes_what_may_be_text() -> None:
    ds = ct_slice()
    for group, kind in ((0x6000, "R"), (0x6002, "G")):
        ds.add_new(group << 16 | 0x0010, "US", 2)
        ds.add_new(group << 16 | 0x0040, "CS", kind)
        ds.add_new(group << 16 | 0x3000, "OW", b"\0\0")
    shown = levelled(ds, with_options(Option.CLEAN_GRAPHICS))
    assert {element.tag.group for element in shown} & {0x6000, 0x6002} == {0x6000}


def test_private_elements_go_but_for_those_known_to_be_safe() -> None:
    ds = ct_slice()
    block = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
    block.add_new(0x23, "DS", "40")
    block.add_new(0x99, "LO", "Jane Doering")
    ds.private_block(0x0021, "OURS", create=True).add_new(1, "LO", "anything")
    assert not [element for element in levelled(ds, DEIDENTIFIED) if element.tag.is_private]
    kept = levelled(ds, with_options(Option.RETAIN_SAFE_PRIVATE))
    assert [element.value for element in kept if element.tag.is_private] == ["GEMS_ACQU_01", 40]


def test_a_sequence_encoded_as_of_unknown_representation_hides_nothing() -> None:
    name = implicit(0x0040A123, b"Housegood^X ")
    hidden = element(0x00081199, "UN", implicit(ITEM, name))  # Referenced SOP Sequence
    instance = replace(encoded(ct_slice()), data=MemoryBlob(header(between=hidden)))
    shown = engine(OBSCURED).apply(instance).data.read()
    assert b"Housegood" not in shown
    assert b"REMOVED" in shown
