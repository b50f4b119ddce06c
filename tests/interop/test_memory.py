"""Two gigabytes through two nodes: neither ever holds more than a bounded part of them in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from tools.idas import Node
from tools.images import StudyFiles, write_cine, write_ultrasound
from tools.region import Region, wait_for_study
from tools.workstation import SUCCESS, Workstation

MOST_RESIDENT = 300_000_000  # bytes; issue 2
COPIES = 280  # of a chest radiograph of 7.2 MB: 2.0 GB


def peak_resident(node: Node) -> int:
    """The most memory a node's process has ever held, in bytes; proc(5), VmHWM."""
    status = Path(f"/proc/{node.program.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def write_copies(folder: Path) -> StudyFiles:
    """Copies of one real radiograph that differ in their SOP Instance UID, patched in place."""
    source = Path(str(get_testdata_file("RG1_UNCR.dcm", download=False)))
    image = pydicom.dcmread(source, stop_before_pixels=True)
    raw, uid = source.read_bytes(), str(image.SOPInstanceUID).encode()
    assert raw.count(uid) >= 2
    folder.mkdir()
    paths = []
    for number in range(COPIES):
        digits = str(int(hashlib.sha256(str(number).encode()).hexdigest(), 16))
        paths.append(folder / f"{number:04}.dcm")
        paths[-1].write_bytes(raw.replace(uid, b"2.25." + b"1" + digits[: len(uid) - 6].encode()))
    return StudyFiles(str(image.StudyInstanceUID), tuple(paths))


@pytest.mark.slow
@pytest.mark.parametrize("source", ["orthanc", "embedded"])
def test_a_study_of_two_gigabytes_needs_little_memory(tmp_path: Path, source: str) -> None:
    study = write_copies(tmp_path / "images")
    with Region(tmp_path / "region") as region:
        anna, berg = region.node("anna"), region.node("berg")
        if source == "orthanc":
            region.orthanc(anna, study.files)
        else:
            scanner = Workstation("SCANNER", anna.dicom_port, anna.aet)
            anna.do("workstation add", "--aet", scanner.aet, "--address", f"{scanner.host}:{scanner.port}")
            assert set(scanner.store(study.files)) == {SUCCESS}
        with Workstation("STATION", berg.dicom_port, berg.aet) as station:
            berg.do("workstation add", "--aet", station.aet, "--address", f"{station.host}:{station.port}")
            wait_for_study(berg, study.study_uid)
            last = station.move({"StudyInstanceUID": study.study_uid})[-1]
            assert (last.status, last.completed) == (SUCCESS, COPIES)
            assert len(station.received) == COPIES
            assert sum(encoded.size for encoded in station.received.values()) > 2_000_000_000
            assert max(peak_resident(anna), peak_resident(berg)) < MOST_RESIDENT


@pytest.mark.slow
def test_one_instance_of_half_a_gigabyte_needs_little_memory(tmp_path: Path) -> None:
    """A cine loop as one object: 27 real frames, repeated 40 times: 518 MB."""
    study = write_cine(tmp_path / "images", frames=27 * 40)
    small = write_ultrasound(tmp_path / "small", slices=2, seed="beside")
    with Region(tmp_path / "region") as region:
        anna, berg = region.node("anna"), region.node("berg")
        region.orthanc(anna, [*study.files, *small.files])
        with Workstation("STATION", berg.dicom_port, berg.aet) as station:
            berg.do("workstation add", "--aet", station.aet, "--address", f"{station.host}:{station.port}")
            wait_for_study(berg, study.study_uid)
            last = station.move({"StudyInstanceUID": study.study_uid})[-1]
            assert (last.status, last.completed) == (SUCCESS, 1)
            assert max(peak_resident(anna), peak_resident(berg)) < MOST_RESIDENT
