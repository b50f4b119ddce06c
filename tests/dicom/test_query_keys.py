from __future__ import annotations

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from idas_p2p.dicom.query_keys import (
    BY_KEYWORD,
    TABLE,
    Level,
    Match,
    Type,
    is_part_keyword,
    must_tell,
    part_keywords,
    unsupported,
)
from idas_p2p.wire.parts import MAX_ATTRIBUTES, Depth
from idas_p2p.wire.study import KEYWORDS

REQUIRED = {  # PS3.4 Tables C.6-1 to C.6-4
    Level.PATIENT: ({"PatientID"}, {"PatientName"}),
    Level.STUDY: ({"StudyInstanceUID"}, {"StudyDate", "StudyTime", "AccessionNumber", "StudyID"}),
    Level.SERIES: ({"SeriesInstanceUID"}, {"Modality", "SeriesNumber"}),
    Level.IMAGE: ({"SOPInstanceUID"}, {"InstanceNumber"}),
}


def test_every_unique_and_required_key_of_the_standard_is_there() -> None:
    for level, (unique, required) in REQUIRED.items():
        of_level = [key for key in TABLE if key.level is level]
        assert {key.keyword for key in of_level if key.type is Type.UNIQUE} == unique
        assert {key.keyword for key in of_level if key.type is Type.REQUIRED} == required


def test_the_keys_of_patients_and_studies_are_those_of_the_catalog() -> None:
    above = {key.keyword for key in TABLE if key.level in (Level.PATIENT, Level.STUDY)}
    assert {key for key in above if not key.startswith("NumberOfPatient")} == set(KEYWORDS)


def test_each_key_is_an_attribute_that_matches_as_its_vr_says() -> None:
    kinds = {Match.DATE: {"DA"}, Match.TIME: {"TM"}, Match.NAME: {"PN"}, Match.UIDS: {"UI"}, Match.NUMBER: {"IS", "US"}}
    assert len(BY_KEYWORD) == len(TABLE)
    for key in TABLE:
        tags = [tag_for_keyword(part) for part in key.keyword.split(".")]
        assert all(tags)
        vr = dictionary_VR(tags[-1])  # type: ignore[arg-type]
        assert vr in kinds.get(key.match, {vr})
        assert (vr in {"DA", "TM", "PN", "UI"}) == (key.match in {Match.DATE, Match.TIME, Match.NAME, Match.UIDS})


def test_a_part_can_hold_all_its_attributes() -> None:
    assert len(part_keywords(Depth.IMAGE)) <= MAX_ATTRIBUTES
    assert set(part_keywords(Depth.SERIES)) < set(part_keywords(Depth.IMAGE))
    assert set(must_tell(Depth.IMAGE)) == {"SeriesInstanceUID", "SOPInstanceUID"}


def test_an_attribute_of_images_is_none_of_series() -> None:
    assert is_part_keyword("Rows", Depth.IMAGE)
    assert is_part_keyword("Modality", Depth.IMAGE)
    assert not is_part_keyword("Rows", Depth.SERIES)
    assert not is_part_keyword("PatientName", Depth.IMAGE)


def test_private_and_unknown_attributes_are_not_supported() -> None:
    known = Dataset()
    known.QueryRetrieveLevel, known.PatientName, known.RequestAttributesSequence = "STUDY", "", []
    assert not unsupported(known)
    known.PatientComments = ""
    assert unsupported(known)
    private = Dataset()
    private.add_new(0x00090010, "LO", "SOMEBODY")
    assert unsupported(private)
