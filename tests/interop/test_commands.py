"""The operator's commands against running nodes: what they print, and with what status they end."""

from __future__ import annotations

from pathlib import Path

from tests.interop.conftest import Institutions
from tools.idas import Node
from tools.images import set_of_files


def test_idas_find_lists_studies_by_keyword_with_their_holders(institutions: Institutions) -> None:
    answer = institutions.carl.ask("find", "PatientName=mull*")
    (study,) = answer["studies"]
    assert study["PatientName"] == "Müller^Jörg"
    assert study["StudyInstanceUID"] == institutions.kidney.study_uid
    assert study["Holders"] == ["Anna"]
    assert answer["unanswered"] == []


def test_idas_get_writes_dicom_files_and_ends_with_the_figures(institutions: Institutions, tmp_path: Path) -> None:
    target = tmp_path / "study"
    answer = institutions.carl.ask("get", institutions.kidney.study_uid, "--out", str(target))
    received = set_of_files(sorted(path for path in target.rglob("*") if path.is_file()))
    _, from_archive = institutions.pacs.get(institutions.kidney.study_uid, tmp_path / "direct")
    assert received == from_archive
    assert answer["instances"] == 28
    assert answer["bytes"] == sum(encoded.size for encoded in received.values())
    assert answer["failed"] == []
    assert answer["path"] == "direct"
    assert answer["holders"] == ["Anna"]
    assert answer["wire_bytes"] > 0
    assert answer["seconds"] > 0


def test_idas_get_sends_to_a_workstation(clean_viewers: Institutions) -> None:
    here = clean_viewers
    answer = here.berg.ask("get", here.kidney.study_uid, "--to", "STATION")
    assert answer["instances"] == len(here.workstation.received) == 28


def test_idas_get_of_an_unknown_study_fails_with_the_reason(institutions: Institutions, tmp_path: Path) -> None:
    done = institutions.carl.try_idas("get", str(institutions.carl.folder), "1.2.3.4", "--out", str(tmp_path))
    assert done.returncode == 1
    assert "Nobody in the federation offers this study" in done.stderr


def test_a_usage_error_ends_with_status_2(institutions: Institutions) -> None:
    done = institutions.carl.try_idas("find", str(institutions.carl.folder), "PatientColour=red")
    assert done.returncode == 2


def test_idas_status_peers_members_and_studies_tell_of_the_federation(institutions: Institutions) -> None:
    anna = institutions.anna
    assert anna.ask("status")
    members = anna.ask("federation members")["members"]
    assert sorted(member["institution"] for member in members) == ["Anna", "Berg", "Carl"]
    peers = anna.ask("peers")["peers"]
    assert {peer["institution"] for peer in peers} == {"Berg", "Carl"}
    studies = anna.ask("studies")["studies"]
    assert institutions.kidney.study_uid in {study["StudyInstanceUID"] for study in studies}


def test_the_node_id_is_printed_with_a_fingerprint(institutions: Institutions) -> None:
    answer = institutions.anna.ask("id")
    assert len(answer["node_id"]) == 52
    assert len(answer["fingerprint"].split()) == 10


def test_a_node_that_belongs_to_no_federation_sees_nothing(institutions: Institutions, tmp_path: Path) -> None:
    stranger = Node(tmp_path / "stranger", institution="X", aet="X", bootstrap=[institutions.region.bootstrap.contact])
    try:
        stranger.start()
        done = stranger.try_idas(
            "find", str(stranger.folder), f"StudyInstanceUID={institutions.kidney.study_uid}", "--json"
        )
        assert institutions.kidney.study_uid not in done.stdout
        get = stranger.try_idas(
            "get", str(stranger.folder), institutions.kidney.study_uid, "--out", str(tmp_path / "o")
        )
        assert get.returncode == 1
    finally:
        assert stranger.stop() == 0
