"""DCMTK's programs at one institution, Orthanc at another: found and retrieved as if the archive were next door."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.interop.conftest import KINDS, Institutions
from tools.dcmtk import Peer
from tools.images import set_of_files, write_ultrasound
from tools.region import wait_for_study

SUCCESS, PENDING, NOT_AUTHORIZED = 0x0000, 0xFF00, 0x0124
KEYS = ("StudyInstanceUID", "PatientName", "PatientID", "StudyDate", "AccessionNumber", "ModalitiesInStudy")


def test_echoscu_is_answered(institutions: Institutions) -> None:
    ended = institutions.peer.echo()
    assert ended.status == 0
    assert "Received Echo Response (Success)" in ended.output


def test_an_unknown_calling_title_is_refused_with_its_reason(institutions: Institutions) -> None:
    ended = Peer(port=institutions.berg.dicom_port, aet="BERG", calling="STRANGER").echo()
    assert ended.status != 0
    assert "Calling AE Title Not Recognized" in ended.output


def test_a_wrong_called_title_is_refused_with_its_reason(institutions: Institutions) -> None:
    ended = Peer(port=institutions.berg.dicom_port, aet="SOMEONE", calling="VIEWER").echo()
    assert ended.status != 0
    assert "Called AE Title Not Recognized" in ended.output


@pytest.mark.parametrize(
    "keys",
    [
        {"StudyInstanceUID": "{uid}"},
        {"PatientID": "KID-1"},
        {"AccessionNumber": "ACC 7"},
        {"PatientName": "MULLER*"},
        {"PatientName": "mull?r^J*"},
        # other tests store others of that day, so the patient is named as well
        {"StudyDate": "20170302", "PatientID": "KID-1"},
        {"StudyDate": "20170301-20170303", "PatientID": "KID-1"},
        {"StudyDate": "20170301-", "PatientID": "KID*"},
        {"StudyDescription": "US KID*", "PatientID": "KID-1"},
        {"ModalitiesInStudy": "US", "StudyDate": "20170302", "PatientID": "KID-1"},
        {"PatientID": "KID-1", "StudyTime": "1700-1800"},
    ],
    ids=str,
)
def test_findscu_finds_the_study_by_each_key(institutions: Institutions, keys: dict[str, str]) -> None:
    uid = institutions.kidney.study_uid
    asked = dict.fromkeys(KEYS, "") | {key: value.format(uid=uid) for key, value in keys.items()}
    ended, found = institutions.peer.find(**asked)
    assert ended.statuses[-1] == SUCCESS
    assert [answer.StudyInstanceUID for answer in found] == [uid]


@pytest.mark.parametrize(
    "keys",
    [
        {"PatientID": "kid-1"},
        {"PatientName": "MULLER"},
        {"StudyDate": "20170303-"},
        {"AccessionNumber": "ACC"},
        {"StudyInstanceUID": "1.2.3.4"},
    ],
    ids=str,
)
def test_findscu_does_not_find_what_does_not_match(institutions: Institutions, keys: dict[str, str]) -> None:
    ended, found = institutions.peer.find(
        **{"StudyInstanceUID": "", **keys, "PatientID": keys.get("PatientID", "KID-1")}
    )
    assert ended.statuses[-1] == SUCCESS
    assert found == []


def test_an_answer_holds_what_was_asked_in_a_character_set_that_can_say_it(institutions: Institutions) -> None:
    asked = dict.fromkeys((*KEYS, "NumberOfStudyRelatedInstances", "StudyDescription"), "") | {"PatientID": "KID-1"}
    _, (answer,) = institutions.peer.find(**asked)
    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert str(answer.PatientName) == "Müller^Jörg"
    assert answer.NumberOfStudyRelatedInstances == 28
    assert answer.ModalitiesInStudy == "US"
    assert answer.StudyDescription == "US KIDNEY"
    assert answer.RetrieveAETitle == "BERG"
    assert answer.QueryRetrieveLevel == "STUDY"


def test_findscu_without_keys_finds_every_study_of_the_federation_once(institutions: Institutions) -> None:
    ended, found = institutions.peer.find(StudyInstanceUID="")
    uids = sorted(str(answer.StudyInstanceUID) for answer in found)
    expected = sorted(study.study_uid for study in (institutions.kidney, *institutions.others))
    assert ended.statuses[-1] == SUCCESS
    assert [uid for uid in uids if uid in expected] == expected
    assert len(uids) == len(set(uids))


def test_movescu_delivers_the_bytes_that_the_archive_itself_gives(clean_viewers: Institutions, tmp_path: Path) -> None:
    here = clean_viewers
    direct, from_archive = here.pacs.get(here.kidney.study_uid, tmp_path / "direct")
    assert direct.status == 0
    ended = here.peer.move(here.kidney.study_uid, to=here.viewer.aet)
    assert ended.status == 0
    assert ended.statuses[-1] == SUCCESS
    assert len(from_archive) == 28
    assert here.viewer.received() == from_archive


def test_getscu_receives_the_bytes_that_the_archive_itself_gives(clean_viewers: Institutions, tmp_path: Path) -> None:
    here = clean_viewers
    _, from_archive = here.pacs.get(here.kidney.study_uid, tmp_path / "direct")
    ended, received = here.peer.get(here.kidney.study_uid, tmp_path / "through")
    assert ended.status == 0
    assert received == from_archive


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_of_every_kind_arrives_unchanged(clean_viewers: Institutions, kind: str) -> None:
    here, study = clean_viewers, clean_viewers.others[KINDS.index(kind)]
    here.pacs.move(study.study_uid, to=here.viewer.aet)
    from_archive = here.viewer.received()
    here.viewer.forget()
    ended = here.peer.move(study.study_uid, to=here.viewer.aet)
    assert ended.statuses[-1] == SUCCESS
    assert len(from_archive) == 1
    assert here.viewer.received() == from_archive


def test_storescu_fills_the_embedded_archive_and_others_find_it(clean_viewers: Institutions, tmp_path: Path) -> None:
    here = clean_viewers
    study = write_ultrasound(tmp_path / "images", patient_id="OWN-1", slices=3, seed="berg's own")
    assert here.peer.store(study.files).status == 0
    found = wait_for_study(here.carl, study.study_uid)
    assert (found["PatientID"], found["Holders"]) == ("OWN-1", ["Berg"])
    target = tmp_path / "out"
    assert here.carl.ask("get", study.study_uid, "--out", str(target))["instances"] == 3
    Peer(port=here.viewer.port, aet=here.viewer.aet, calling="VIEWER").store(study.files)  # as storescu encodes them
    assert set_of_files(sorted(path for path in target.rglob("*") if path.is_file())) == here.viewer.received()


def test_who_asks_is_asked_for_and_known_by_password_or_by_a_session(institutions: Institutions) -> None:
    berg, uid = institutions.berg, institutions.kidney.study_uid
    plan = str(get_testdata_file("rtplan.dcm"))
    berg.do("user add", "dr.kay", "--password-stdin", stdin="correct horse\n")
    try:
        for identity in (("-usr", "dr.kay"), ("-usr", "dr.kay", "-pwd", "correct horse", "-rsp")):
            assert institutions.peer.run("storescu", *identity, "--", plan).status == 0
        wrong = institutions.peer.run("storescu", "-usr", "dr.kay", "-pwd", "battery", "--", plan)
        assert "Association Rejected" in wrong.output
        ended, found = institutions.peer.find(StudyInstanceUID=uid)
        assert (ended.statuses[-1], found) == (NOT_AUTHORIZED, [])
        assert "Who asks? Sign in with: idas login DIR --aet VIEWER" in ended.output
        berg.do("login", "--aet", "VIEWER", "--user", "dr.kay", "--password-stdin", stdin="correct horse\n")
        ended, found = institutions.peer.find(StudyInstanceUID=uid)
        assert [answer.StudyInstanceUID for answer in found] == [uid]
    finally:
        berg.do("user remove", "dr.kay")
