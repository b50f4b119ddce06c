"""The archive behind a node: it changes, goes down, comes back, is a folder, or sends what is no data set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from tools.idas import Node
from tools.images import StudyFiles, write_ultrasound
from tools.programs import LOOPBACK, free_port, wait_until
from tools.region import Region, wait_for_study
from tools.workstation import SUCCESS, Workstation


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with Region(tmp_path_factory.mktemp("archives")) as made:
        for name in ("anna", "berg"):
            made.node(name)
        yield made


@pytest.fixture
def station(region: Region) -> Iterator[Workstation]:
    berg = region.nodes[1]
    with Workstation("STATION", berg.dicom_port, berg.aet) as made:
        berg.do("workstation add", "--aet", made.aet, "--address", f"{made.host}:{made.port}")
        yield made
        berg.do("workstation remove", made.aet)


def is_gone(node: Node, study_uid: str) -> bool:
    answer: dict[str, Any] = node.ask("find", f"StudyInstanceUID={study_uid}")
    return not answer["studies"]


@pytest.mark.parametrize("prefer", ["move", "get", "dicomweb"])
def test_studies_of_an_archive_come_change_and_vanish(
    region: Region, station: Workstation, tmp_path: Path, prefer: str
) -> None:
    anna, berg = region.nodes
    first = write_ultrasound(tmp_path / "first", slices=2, seed=f"first {prefer}")
    orthanc = region.orthanc(anna, first.files, prefer=prefer)
    try:
        assert wait_for_study(berg, first.study_uid)["NumberOfStudyRelatedInstances"] == "2"
        second = write_ultrasound(tmp_path / "second", slices=2, seed=f"second {prefer}")
        orthanc.fill(second.files)
        wait_for_study(berg, second.study_uid)
        assert station.move({"StudyInstanceUID": second.study_uid})[-1].completed == 2
        grown = write_ultrasound(tmp_path / "grown", slices=5, seed=f"first {prefer}")
        orthanc.fill(grown.files)
        wait_until(
            lambda: wait_for_study(berg, first.study_uid)["NumberOfStudyRelatedInstances"] == "5",
            timeout=30,
            what="the new count",
        )
        orthanc.delete_study(second.study_uid)
        wait_until(lambda: is_gone(berg, second.study_uid), timeout=30, what="the deleted study is no longer found")
    finally:
        anna.do("archive remove", "pacs")
        orthanc.stop()


def test_an_archive_that_is_down_is_a_failure_and_works_again_when_it_is_back(
    region: Region, station: Workstation, tmp_path: Path
) -> None:
    anna, berg = region.nodes
    study = write_ultrasound(tmp_path / "images", slices=3, seed="down")
    orthanc = region.orthanc(anna, study.files)
    try:
        wait_for_study(berg, study.study_uid)
        orthanc.stop()
        last = station.move({"StudyInstanceUID": study.study_uid})[-1]
        assert last.status >> 12 in (0xA, 0xC)
        assert last.error_comment
        assert station.received == {}
        assert "unreachable.archive" in anna.log
        orthanc.start()
        last = station.move({"StudyInstanceUID": study.study_uid})[-1]
        assert (last.status, last.completed) == (SUCCESS, 3)
    finally:
        anna.do("archive remove", "pacs")
        orthanc.stop()


def test_a_folder_is_an_archive_and_its_files_arrive_unchanged(
    region: Region, station: Workstation, tmp_path: Path
) -> None:
    anna, berg = region.nodes
    shelf = tmp_path / "shelf"
    study = write_ultrasound(shelf, slices=4, seed="shelf")
    (shelf / "notes.txt").write_text("not an image")
    anna.do("archive add", "shelf", "--folder", str(shelf), "--poll", "1s")
    try:
        wait_for_study(berg, study.study_uid)
        assert station.move({"StudyInstanceUID": study.study_uid})[-1].status == SUCCESS
        assert station.received == study.encoded()
        for path in study.files:
            path.unlink()
        wait_until(lambda: is_gone(berg, study.study_uid), timeout=30, what="the study leaves with its files")
    finally:
        anna.do("archive remove", "shelf")


class LyingArchive:
    """An archive that announces a study and, asked to move it, sends one good file and one that is no data set."""

    def __init__(self, study: StudyFiles, *, node: Node, folder: Path) -> None:
        self._study, self._node = study, node
        self._broken = folder / "broken.dcm"
        good = study.files[1].read_bytes()
        start = good.index(b"\x08\x00\x08\x00CS")
        self._broken.write_bytes(good[:start] + b"\xff\xfe\x00\xe0" + b"\xff" * 60)
        self.port = free_port()
        ae = AE("LIAR")
        for context in (
            Verification,
            StudyRootQueryRetrieveInformationModelFind,
            StudyRootQueryRetrieveInformationModelMove,
        ):
            ae.add_supported_context(context)
        handlers = [(evt.EVT_C_FIND, self._find), (evt.EVT_C_MOVE, self._move)]
        self.server = ae.start_server((LOOPBACK, self.port), block=False, evt_handlers=handlers)

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        answer = Dataset()
        answer.QueryRetrieveLevel = "STUDY"
        answer.StudyInstanceUID = self._study.study_uid
        answer.StudyDate, answer.PatientID, answer.NumberOfStudyRelatedInstances = "20170302", "LIAR-1", 2
        yield 0xFF00, answer

    def _move(self, event: Any) -> Iterator[Any]:
        """Send by an association of its own: pynetdicom would not send what it cannot decode."""
        sender = AE("LIAR")
        sender.add_requested_context(UltrasoundImageStorage, ExplicitVRLittleEndian)
        association = sender.associate(LOOPBACK, self._node.dicom_port, ae_title=self._node.aet)
        for path in (self._study.files[0], self._broken):
            association.send_c_store(
                path, originator_aet=event.assoc.requestor.ae_title, originator_id=event.request.MessageID
            )
        association.release()
        yield LOOPBACK, self._node.dicom_port
        yield 0


def test_a_malformed_data_set_from_an_archive_fails_alone(region: Region, station: Workstation, tmp_path: Path) -> None:
    anna, berg = region.nodes
    study = write_ultrasound(tmp_path / "images", slices=2, seed="liar")
    liar = LyingArchive(study, node=anna, folder=tmp_path)
    try:
        anna.do("archive add", "liar", "--aet", "LIAR", "--address", f"{LOOPBACK}:{liar.port}", "--poll", "1s")
        wait_for_study(berg, study.study_uid)
        last = station.move({"StudyInstanceUID": study.study_uid})[-1]
        assert last.status != SUCCESS
        assert len(station.received) == last.completed == 1
        assert station.received.items() <= study.encoded().items()
        assert station.echo() == SUCCESS
        assert anna.ask("status")
    finally:
        anna.do("archive remove", "liar")
        liar.server.shutdown()
