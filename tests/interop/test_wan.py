"""Two hospitals in networks of their own, a WAN between them, and the bootstrap node in its middle."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tools.dcmtk import Peer
from tools.images import write_ultrasound
from tools.lab import Lab, Wan, why_not
from tools.region import Region, wait_for_study
from tools.workstation import SUCCESS, Workstation

pytestmark = [pytest.mark.nat, pytest.mark.skipif(bool(why_not()), reason=f"no laboratory: {why_not()}")]


@pytest.mark.parametrize("loss", [0.0, 0.002])
def test_a_study_crosses_a_wan_byte_for_byte(tmp_path: Path, loss: float) -> None:
    study = write_ultrasound(tmp_path / "images", slices=12)
    with Lab() as lab, ExitStack() as stack:
        hospital, practice = lab.site("anna"), lab.site("berg")
        middle = lab.internet([hospital, practice], wan=Wan(rate=100e6, rtt=0.04, loss=loss))
        with middle.inside():
            region = stack.enter_context(Region(tmp_path / "region", host=middle.addresses[0]))
        with hospital.inside():
            anna = region.node("anna", host=hospital.address)
            orthanc = region.orthanc(anna, study.files)
            pacs = Peer(port=orthanc.dicom_port, aet=orthanc.aet, calling="ANY", host=hospital.address)
            _, from_archive = pacs.get(study.study_uid, tmp_path / "direct")
        with practice.inside():
            berg = region.node("berg", host=practice.address)
            station = stack.enter_context(Workstation("STATION", berg.dicom_port, berg.aet, host=practice.address))
            berg.do("workstation add", "--aet", "STATION", "--address", f"{station.host}:{station.port}")
            wait_for_study(berg, study.study_uid)
            assert station.move({"StudyInstanceUID": study.study_uid})[-1].status == SUCCESS
            assert station.received == from_archive
