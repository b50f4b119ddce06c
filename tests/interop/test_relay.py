"""A hospital whose firewall lets nothing in: a workstation elsewhere retrieves its study through the relay."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.capture import Capture
from tests.interop.capture import why_not as why_no_capture
from tools.dcmtk import Peer
from tools.images import write_ultrasound
from tools.lab import Lab, Site, Wan, why_not
from tools.programs import wait_until
from tools.region import Region, wait_for_study
from tools.workstation import SUCCESS, Workstation

pytestmark = [
    pytest.mark.nat,
    pytest.mark.skipif(bool(why_not()), reason=f"no laboratory: {why_not()}"),
    pytest.mark.skipif(bool(why_no_capture()), reason=f"{why_no_capture()}"),
]
NAME, PATIENT_ID = "KANARIENVOGEL^TWEETY", "CNRY-4711-X"


def let_nothing_in(lab: Lab, site: Site, *, relay: str, port: int) -> None:
    """A firewall as hospitals have it: whatever begins outside is dropped without a word, one TCP port leads out."""
    rules = (
        "table inet wall { chain input { type filter hook input priority 0; policy drop; "
        "iif lo accept; ct state established,related accept; }; "
        "chain output { type filter hook output priority 0; policy drop; "
        f"oif lo accept; ip daddr {relay} tcp dport {port} accept; }}; }}"
    )
    assert lab.run(site, ["nft", rules]) == 0


@pytest.mark.slow
def test_a_study_behind_a_firewall_arrives_byte_for_byte_and_the_relay_sees_nothing(tmp_path: Path) -> None:
    study = write_ultrasound(
        tmp_path / "images",
        patient_name=NAME,
        patient_id=PATIENT_ID,
        accession_number="ACC-CNRY",
        slices=8,
        seed="relay",
    )
    with Lab() as lab, ExitStack() as stack:
        hospital, practice = lab.site("anna"), lab.site("berg")
        middle = lab.internet([hospital, practice], wan=Wan(rate=100e6, rtt=0.02))
        with middle.inside():
            region = stack.enter_context(Region(tmp_path / "region", host=middle.addresses[0], relay=True))
            seen = stack.enter_context(Capture([region.bootstrap.port], device=""))
        let_nothing_in(lab, hospital, relay=middle.addresses[0], port=region.bootstrap.port)
        with hospital.inside():
            anna = region.node("anna", host=hospital.address)
            wait_until(lambda: "directory_joined" in anna.log, timeout=60, what="datagrams go over the relay's port")
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
            (peer,) = json.loads(berg.do("peers", "--json"))["peers"]
            assert peer["path"] == "relay"
            assert "direct" in peer["detours"]
    carried = b"".join(seen.segments)
    assert len(carried) > sum(file.stat().st_size for file in study.files) / 4
    for word in (NAME.encode(), PATIENT_ID.encode(), study.study_uid.encode(), b"DICM"):
        assert word not in carried
