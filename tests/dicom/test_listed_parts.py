from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.listed_parts import in_portions, listed_parts
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.parts import Depth, Within
from tests.dicom.memory_node import CT, EXPLICIT, encode, make_dataset

REQUEST = "RequestAttributesSequence.RequestedProcedureID"


def image(number: int, *, series: str = "1.2.3.4", implicit: bool = False) -> Instance:
    ds = make_dataset(number)
    ds.SeriesInstanceUID, ds.Rows, ds.InstanceNumber = series, 512, number
    first, second = Dataset(), Dataset()
    first.RequestedProcedureID, second.RequestedProcedureID = "RP-1", "RP-2"
    ds.RequestAttributesSequence = [first, second]
    return Instance(
        study_uid="1.2.3",
        series_uid=series,
        sop_class_uid=CT,
        sop_instance_uid=f"1.2.3.4.{number}",
        transfer_syntax_uid=ImplicitVRLittleEndian if implicit else EXPLICIT,
        data=MemoryBlob(encode(ds, implicit=implicit)),
    )


IMAGES = [image(1), image(2), image(3, series="1.2.3.5")]


def test_a_series_is_told_once_and_counted() -> None:
    within = Within(study_uid="1.2.3", depth=Depth.SERIES, wanted=("Modality", REQUEST))
    first, second = (part.values() for part in listed_parts(IMAGES, within))
    assert first == {
        "SeriesInstanceUID": "1.2.3.4",
        "Modality": "CT",
        "NumberOfSeriesRelatedInstances": "2",
        REQUEST: "RP-1\\RP-2",
    }
    assert (second["SeriesInstanceUID"], second["NumberOfSeriesRelatedInstances"]) == ("1.2.3.5", "1")


@pytest.mark.parametrize("implicit", [False, True])
def test_an_image_tells_of_itself_numbers_among_them(implicit: bool) -> None:
    within = Within(study_uid="1.2.3", depth=Depth.IMAGE, wanted=("Rows", "InstanceNumber", REQUEST))
    (part,) = listed_parts([image(7, implicit=implicit)], within)
    assert (part.value("Rows"), part.value("InstanceNumber"), part.value(REQUEST)) == ("512", "7", "RP-1\\RP-2")
    assert (part.value("SOPInstanceUID"), part.value("SOPClassUID")) == ("1.2.3.4.7", CT)


def test_only_what_is_asked_for_is_told() -> None:
    within = Within(study_uid="1.2.3", depth=Depth.IMAGE, series_uids=("1.2.3.5",))
    assert [part.value("SOPInstanceUID") for part in listed_parts(IMAGES, within)] == ["1.2.3.4.3"]
    within = Within(study_uid="1.2.3", depth=Depth.IMAGE, sop_instance_uids=("1.2.3.4.2",))
    assert [part.value("SOPInstanceUID") for part in listed_parts(IMAGES, within)] == ["1.2.3.4.2"]


@pytest.mark.parametrize("syntax", [EXPLICIT, ExplicitVRBigEndian])
def test_an_image_that_cannot_be_read_is_known_by_its_names(syntax: str) -> None:
    broken = Instance(
        study_uid="1.2.3",
        series_uid="1.2.3.4",
        sop_class_uid=CT,
        sop_instance_uid="1.9",
        transfer_syntax_uid=syntax,
        data=MemoryBlob(b"\x08\x00\x05\x00CS\xff\xff"),
    )
    within = Within(study_uid="1.2.3", depth=Depth.IMAGE, wanted=("Rows", REQUEST))
    (part,) = listed_parts([broken], within)
    assert (part.value("SOPInstanceUID"), part.value("Rows")) == ("1.9", "")


async def test_many_are_read_in_portions_and_none_is_lost(bridge: Bridge) -> None:
    images = [image(number) for number in range(150)]
    for depth, count in ((Depth.IMAGE, 150), (Depth.SERIES, 1)):
        within = Within(study_uid="1.2.3", depth=depth)
        assert len([part async for part in in_portions(bridge, images, within)]) == count
