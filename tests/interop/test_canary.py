"""No patient data leaves its place: a canary patient is searched for in everything that others could see.

The whole run is watched from the harvest of the archive to the retrieval. The hospital's own catalog, archive and
spool hold the patient on purpose; nothing else may.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.capture import Capture, why_not
from tools.images import StudyFiles, write_ultrasound
from tools.region import Region, wait_for_study
from tools.workstation import SUCCESS, Workstation

NAME, PATIENT_ID, ACCESSION = "KANARIENVOGEL^TWEETY", "CNRY-4711-X", "ACC-CNRY-99"
OF_THE_HOSPITAL = ("node.db", "objects", "spool", "receive")  # entries of a node's folder that may hold patients


@dataclass(frozen=True, slots=True)
class Watched:
    """A whole run and what was seen of it."""

    folder: Path
    capture: Capture
    secrets: list[bytes]
    logs: dict[str, str]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    if reason := why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("canary")
    study = write_ultrasound(
        tmp_path_factory.mktemp("images"),
        patient_name=NAME, patient_id=PATIENT_ID, accession_number=ACCESSION, slices=6, seed="canary",
    )  # fmt: skip
    with Region(folder / "region") as region:
        ports = [region.bootstrap.port]
        anna = region.node("anna")
        berg = region.node("berg")
        carl = region.node("carl")
        ports += [node.network_port for node in (anna, berg, carl)]
        with Capture(ports) as capture, Workstation("STATION", berg.dicom_port, berg.aet) as station:
            berg.do("workstation add", "--aet", station.aet, "--address", f"{station.host}:{station.port}")
            region.orthanc(anna, study.files)
            wait_for_study(berg, study.study_uid)
            for keys in ({"PatientID": PATIENT_ID}, {"PatientName": NAME[:6] + "*"}, {"AccessionNumber": ACCESSION}):
                assert len(station.find({"StudyInstanceUID": "", **keys})) == 2
            assert station.move({"StudyInstanceUID": study.study_uid})[-1].status == SUCCESS
            assert len(station.received) == 6
            carl.ask("get", study.study_uid, "--out", str(folder / "out"))
            station.find({"PatientName": "KANARIENVOGEL^NOBODY"})
            station.move({"StudyInstanceUID": study.study_uid}, to="NOBODY")
        logs = {node.folder.name: node.log for node in (anna, berg, carl)}
        logs["bootstrap"] = region.bootstrap.program.log
    return Watched(folder / "region", capture, list(secrets_of(study)), logs)


def secrets_of(study: StudyFiles) -> Iterator[bytes]:
    """What must be seen nowhere, in lower case."""
    texts = [*NAME.split("^"), PATIENT_ID, ACCESSION, study.study_uid, *study.encoded()]
    for text in texts:
        yield text.lower().encode()
        yield text.lower().encode("utf-16-le")


def found(watched: Watched, data: bytes) -> list[bytes]:
    lowered = data.lower()
    return [secret for secret in watched.secrets if secret in lowered]


def test_the_run_was_seen_at_all(watched: Watched) -> None:
    assert len(watched.capture.datagrams) > 50
    assert sum(map(len, watched.capture.segments)) > 100_000


def test_no_datagram_holds_the_patient(watched: Watched) -> None:
    assert [found(watched, datagram) for datagram in watched.capture.datagrams if found(watched, datagram)] == []


def test_no_byte_stream_between_nodes_holds_the_patient(watched: Watched) -> None:
    assert found(watched, b"".join(watched.capture.segments)) == []


@pytest.mark.parametrize("name", ["anna", "berg", "carl", "bootstrap"])
def test_no_log_holds_the_patient_even_at_level_debug(watched: Watched, name: str) -> None:
    assert found(watched, watched.logs[name].encode()) == []


@pytest.mark.parametrize("title", [b"station", b"orthanc"])
def test_no_log_holds_the_title_of_a_workstation_or_archive(watched: Watched, title: bytes) -> None:
    assert all(title not in log.lower().encode() for log in watched.logs.values())


def test_no_file_name_holds_the_patient(watched: Watched) -> None:
    names = [str(path.relative_to(watched.folder)) for path in node_files(watched)]
    assert [name for name in names if found(watched, name.encode())] == []


def test_no_stored_record_holds_the_patient(watched: Watched) -> None:
    """Everything nodes keep on disk but the hospital's own data, all that the bootstrap node keeps included."""
    kept = [path for path in node_files(watched) if not is_of_the_hospital(path.relative_to(watched.folder).parts[1:])]
    assert kept
    assert [path.name for path in kept if found(watched, path.read_bytes())] == []


def is_of_the_hospital(parts: tuple[str, ...]) -> bool:
    """Whether a file is meant to hold patients: the hospital's own data, and the records of the audit log."""
    return parts[0].startswith(OF_THE_HOSPITAL) or (parts[0] == "audit" and parts[-1].endswith(".audit"))


def node_files(watched: Watched) -> list[Path]:
    folders = [watched.folder / name for name in ("anna", "berg", "carl", "bootstrap")]
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]
