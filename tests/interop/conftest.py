"""A federation of three institutions as separate processes, and the peers it is tested with.

`region` lives for the whole run and is shared by tests that only ask; tests that kill, fill up or cut off make their
own with `Region`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.dcmtk import Peer, StoreScp, missing
from tools.idas import Node
from tools.images import StudyFiles, shipped, write_ultrasound
from tools.orthanc import Orthanc, find_orthanc
from tools.region import Region, wait_for_study
from tools.workstation import Workstation

KINDS = (  # one image of each: plain, compressed, deflated, big endian, video, segmentation, plan, report, waveform
    "CT_small.dcm",
    "693_UNCR.dcm",
    "RG3_UNCR.dcm",
    "RG1_J2KR.dcm",
    "MR_small_RLE.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
    "image_dfl.dcm",
    "OBXXXX1A_expb.dcm",
    "color3d_jpeg_baseline.dcm",
    "liver.dcm",
    "rtplan.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
)

# A requestor of pynetdicom forgets its socket without closing it when the peer is gone; the kernel closes it.
_PYNETDICOM_LEAVES_SOCKETS = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder runs real peers."""
    absent = missing() + ([] if find_orthanc() else ["Orthanc"])
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.interop)
        item.add_marker(pytest.mark.filterwarnings(_PYNETDICOM_LEAVES_SOCKETS))
        if absent and not os.environ.get("IDAS_REQUIRE_PEERS"):
            reason = f"not installed: {', '.join(absent)}; tools/setup system installs them"
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(frozen=True, slots=True)
class Institutions:
    """Anna has a PACS, Berg has workstations, Carl has neither; all are members of one federation."""

    region: Region
    anna: Node
    berg: Node
    carl: Node
    orthanc: Orthanc
    kidney: StudyFiles  # 28 images of one patient, whose name needs a character set
    others: list[StudyFiles]  # one image each
    viewer: StoreScp  # DCMTK's, at Berg
    workstation: Workstation  # in Python, at Berg

    @property
    def peer(self) -> Peer:
        """Berg's node as DCMTK's programs at Berg see it."""
        return Peer(port=self.berg.dicom_port, aet=self.berg.aet, calling=self.viewer.aet)

    @property
    def pacs(self) -> Peer:
        """Anna's Orthanc as DCMTK's programs see it."""
        return Peer(port=self.orthanc.dicom_port, aet=self.orthanc.aet, calling=self.viewer.aet)


@pytest.fixture(scope="session")
def institutions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Institutions]:
    folder = tmp_path_factory.mktemp("region")
    kidney = write_ultrasound(
        folder / "kidney",
        patient_name="Müller^Jörg",
        patient_id="KID-1",
        accession_number="ACC 7",
        character_set="ISO_IR 192",
    )
    others = shipped(*KINDS)
    with Region(folder) as region:
        anna, berg, carl = (region.node(name) for name in ("anna", "berg", "carl"))
        viewer = StoreScp(folder / "viewer", aet="VIEWER")
        region.until_closed(viewer.stop)
        viewer.start()
        files = [path for study in (kidney, *others) for path in study.files]
        orthanc = region.orthanc(anna, files, modalities={"VIEWER": (viewer.host, viewer.port)})
        with Workstation("STATION", berg.dicom_port, berg.aet) as workstation:
            for aet, port in (("VIEWER", viewer.port), ("STATION", workstation.port)):
                berg.do("workstation add", "--aet", aet, "--address", f"{workstation.host}:{port}")
            for study in (kidney, *others):
                wait_for_study(berg, study.study_uid)
            yield Institutions(region, anna, berg, carl, orthanc, kidney, others, viewer, workstation)


@pytest.fixture
def clean_viewers(institutions: Institutions) -> Institutions:
    """The institutions, with nothing received so far."""
    institutions.viewer.forget()
    institutions.workstation.forget()
    return institutions
