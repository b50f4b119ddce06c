"""Series and images asked of Orthanc and of DCMTK's dcmqrscp."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pydicom
import pytest

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.client import ArchiveClient
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.wire.parts import Depth, Part, Within
from tests.dicom.archives import Archive
from tools.images import StudyFiles

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")]

Asks = Callable[[RemoteAE, Within], "list[Part]"]


async def parts_of(bridge: Bridge, archive: Archive, within: Within) -> dict[str, Part]:
    """What an archive has within a study, by UID."""
    client = ArchiveClient(bridge, archive.remote, Inbound(), prefers_get=False)
    uid = "SeriesInstanceUID" if within.depth is Depth.SERIES else "SOPInstanceUID"
    found = [part async for part in client.find_parts(within)]
    assert len({part.value(uid) for part in found}) == len(found)
    return {part.value(uid): part for part in found}


def headers_of(archive: Archive, study: StudyFiles) -> list[pydicom.Dataset]:
    files = [path for one in archive.studies if one.study_uid == study.study_uid for path in one.files]
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in files]


async def test_series_come_with_their_attributes_and_are_counted(archive: Archive, bridge: Bridge) -> None:
    study = max(archive.studies, key=lambda one: len(one.files))
    headers = headers_of(archive, study)
    wanted = ("Modality", "NumberOfSeriesRelatedInstances", "RequestAttributesSequence.RequestedProcedureID")
    found = await parts_of(bridge, archive, Within(study_uid=study.study_uid, depth=Depth.SERIES, wanted=wanted))
    counts = Counter(str(ds.SeriesInstanceUID) for ds in headers)
    assert {uid: int(part.value("NumberOfSeriesRelatedInstances")) for uid, part in found.items()} == counts
    assert {part.value("Modality") for part in found.values()} == {str(ds.Modality) for ds in headers}


async def test_the_images_of_a_series_come_with_attributes_of_both(archive: Archive, bridge: Bridge) -> None:
    study = max(archive.studies, key=lambda one: len(one.files))
    headers = headers_of(archive, study)
    series = str(headers[0].SeriesInstanceUID)
    wanted = ("InstanceNumber", "Modality", "SOPClassUID")
    within = Within(study_uid=study.study_uid, depth=Depth.IMAGE, series_uids=(series,), wanted=wanted)
    found = await parts_of(bridge, archive, within)
    expected = {str(ds.SOPInstanceUID): ds for ds in headers if ds.SeriesInstanceUID == series}
    assert found.keys() == expected.keys()
    for uid, part in found.items():
        assert part.value("SeriesInstanceUID") == series
        assert part.value("Modality") == expected[uid].Modality
        assert int(part.value("InstanceNumber") or 0) == int(expected[uid].get("InstanceNumber") or 0)


async def test_one_image_of_a_study_is_found_by_its_uid_alone(archive: Archive, bridge: Bridge) -> None:
    study = max(archive.studies, key=lambda one: len(one.files))
    uid = str(headers_of(archive, study)[-1].SOPInstanceUID)
    within = Within(study_uid=study.study_uid, depth=Depth.IMAGE, sop_instance_uids=(uid,))
    assert list(await parts_of(bridge, archive, within)) == [uid]


async def test_a_study_that_is_not_there_has_no_series(archive: Archive, bridge: Bridge) -> None:
    assert await parts_of(bridge, archive, Within(study_uid="9.9.9", depth=Depth.SERIES)) == {}
