"""Series and images as QIDO-RS lists them, which are those of C-FIND."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.client import ArchiveClient
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.web import WebArchive
from idas_p2p.dicom.web_requests import WebService
from idas_p2p.dicom.web_search import segment
from idas_p2p.errors import ArchiveFailed
from idas_p2p.wire.parts import Depth, Part, Within
from tests.dicom.archives import Archive
from tests.dicom.test_web import pacs

__all__ = ["pacs"]


def sorted_values(parts: list[Part]) -> list[list[tuple[str, str]]]:
    return sorted(sorted(part.values().items()) for part in parts)


@pytest.mark.interop
@pytest.mark.parametrize("depth", list(Depth))
async def test_what_is_listed_within_a_study_is_what_c_find_lists(
    pacs: Archive, bridge: Bridge, tmp_path: Path, depth: Depth
) -> None:
    by_dicom = ArchiveClient(bridge, pacs.remote, Inbound(), prefers_get=False)
    by_web = WebArchive(WebService(url=pacs.web_url), bridge, receive_folder=tmp_path)
    wanted = ("Modality", "SeriesNumber", *(("InstanceNumber",) if depth is Depth.IMAGE else ()))
    for study in pacs.studies[:3]:
        within = Within(study_uid=study.study_uid, depth=depth, wanted=wanted)
        found = [part async for part in by_web.find_parts(within)]
        assert found
        assert sorted_values(found) == sorted_values([part async for part in by_dicom.find_parts(within)])


@pytest.mark.parametrize("uid", ["../studies", "1.2/3", "", ".1", "1.2?limit=1"])
def test_a_uid_that_would_lead_elsewhere_is_no_segment(uid: str) -> None:
    with pytest.raises(ArchiveFailed):
        segment(uid)
