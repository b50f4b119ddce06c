"""Storage commitment with peers: a scanner asks the node, and the node asks Orthanc."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pynetdicom import AE, evt
from pynetdicom.events import Event

from idas_p2p.dicom.commitment import (
    PUSH_INSTANCE,
    PUSH_MODEL,
    Answered,
    Reference,
    Requested,
    answered_from,
    asked_dataset,
)
from tests.interop.conftest import Institutions
from tools.dcmtk import Peer
from tools.images import StudyFiles, set_of_files, write_ultrasound
from tools.programs import LOOPBACK, free_port

ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
PATIENCE = 60.0  # seconds


class Scanner:
    """A modality that stores to Anna's node, asks it for commitment, and waits for the report."""

    aet = "SCANNER"

    def __init__(self) -> None:
        self.port, self.reports = free_port(), list[Answered]()
        self.reported = threading.Event()

    def on_report(self, event: Event) -> tuple[int, None]:
        self.reports.append(answered_from(event.event_information))
        self.reported.set()
        return 0x0000, None

    def ask(self, port: int, asked: Requested) -> int:
        """Ask, and release the association at once."""
        entity = AE(ae_title=self.aet)
        entity.add_requested_context(PUSH_MODEL)
        link = entity.associate(LOOPBACK, port, ae_title="ANNA")
        status, _ = link.send_n_action(asked_dataset(asked), 1, PUSH_MODEL, PUSH_INSTANCE)
        link.release()
        return int(status.Status)


@pytest.fixture
def scanner(institutions: Institutions) -> Iterator[Scanner]:
    made = Scanner()
    entity = AE(ae_title=made.aet)
    entity.add_supported_context(PUSH_MODEL, scu_role=True, scp_role=True)
    handlers = [(evt.EVT_N_EVENT_REPORT, made.on_report)]
    server = entity.start_server((LOOPBACK, made.port), block=False, evt_handlers=handlers)
    institutions.anna.do("workstation add", "--aet", made.aet, "--address", f"{LOOPBACK}:{made.port}")
    try:
        yield made
    finally:
        institutions.anna.do("workstation remove", made.aet)
        if server is not None:
            server.shutdown()


def stored(here: Institutions, folder: Path) -> StudyFiles:
    """Three images in the embedded archive of Anna's node."""
    study = write_ultrasound(folder / "scan", patient_id="SCAN-1", slices=3, seed=str(folder))
    assert Peer(port=here.anna.dicom_port, aet="ANNA", calling="SCANNER").store(study.files).status == 0
    return study


def test_a_scanner_that_released_its_association_is_called_with_the_report(
    institutions: Institutions, scanner: Scanner, tmp_path: Path
) -> None:
    study = stored(institutions, tmp_path)
    kept = tuple(Reference(ULTRASOUND, uid) for uid in sorted(set_of_files(study.files)))
    lost = Reference(ULTRASOUND, "1.2.3.99")
    asked = Requested(transaction_uid="2.25.771", references=(*kept, lost))
    assert scanner.ask(institutions.anna.dicom_port, asked) == 0x0000
    assert scanner.reported.wait(PATIENCE)
    assert scanner.reports[0] == Answered(transaction_uid="2.25.771", committed=kept, failed=((lost, 0x0112),))


def test_orthanc_answers_for_what_it_has_and_not_for_what_it_has_not(
    institutions: Institutions, scanner: Scanner, tmp_path: Path
) -> None:
    here, study = institutions, stored(institutions, tmp_path)
    missing = here.anna.try_idas("archive", "commit", str(here.anna.folder), "pacs", study.study_uid)
    assert missing.returncode == 1
    assert "archive pacs answers for 0 of 3 instances" in missing.stderr + missing.stdout
    here.orthanc.fill(study.files)
    try:
        said = here.anna.ask("archive commit", "pacs", study.study_uid)
        assert said == {"name": "pacs", "committed": 3, "failed": []}
    finally:
        here.orthanc.delete_study(study.study_uid)
