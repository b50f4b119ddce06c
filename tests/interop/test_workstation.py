"""What a workstation sees response by response: counters, cancel, refusals, users."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pydicom
import pytest

from tests.interop.conftest import Institutions
from tools.programs import LOOPBACK, free_port
from tools.workstation import REFUSED_NO_RESOURCES, SUCCESS, NoAssociation, Response, Workstation

PENDING, CANCELLED, WARNING, UNKNOWN_DESTINATION = 0xFF00, 0xFE00, 0xB000, 0xA801
UNABLE_TO_PERFORM = 0xA702  # PS3.4 table C.4-2
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"


def is_failure(response: Response) -> bool:
    return response.status >> 12 in (0xA, 0xC)


def test_counters_of_a_move_add_up_and_end_complete(clean_viewers: Institutions) -> None:
    here = clean_viewers
    responses = here.workstation.move({"StudyInstanceUID": here.kidney.study_uid})
    *pending, last = responses
    assert (last.status, last.completed, last.failed, last.warning) == (SUCCESS, 28, 0, 0)
    for response in pending:
        assert response.status == PENDING
        assert None not in (response.remaining, response.completed, response.failed, response.warning)
    completed = [response.completed or 0 for response in responses]
    assert completed == sorted(completed)
    assert len(here.workstation.received) == 28


def test_a_get_brings_the_same_images_as_a_move(clean_viewers: Institutions) -> None:
    here, station = clean_viewers, clean_viewers.workstation
    station.move({"StudyInstanceUID": here.kidney.study_uid})
    moved = dict(station.received)
    station.forget()
    last = station.get({"StudyInstanceUID": here.kidney.study_uid}, storage_classes=[ULTRASOUND])[-1]
    assert (last.status, last.completed, last.failed) == (SUCCESS, 28, 0)
    assert station.received == moved


def test_a_cancelled_move_stops_and_says_so(clean_viewers: Institutions) -> None:
    here = clean_viewers
    last = here.workstation.move({"StudyInstanceUID": here.kidney.study_uid}, stop_after=1)[-1]
    assert last.status in (CANCELLED, SUCCESS), "a small study may be complete before the cancel arrives"
    if last.status == CANCELLED:
        assert last.completed == len(here.workstation.received) < 28


def test_a_cancelled_find_stops_and_says_so(institutions: Institutions) -> None:
    last = institutions.workstation.find({"StudyInstanceUID": ""}, stop_after=1)[-1]
    assert last.status in (CANCELLED, SUCCESS)


def test_one_series_alone_can_be_moved(clean_viewers: Institutions) -> None:
    here, station = clean_viewers, clean_viewers.workstation
    still = pydicom.dcmread(here.kidney.files[0], stop_before_pixels=True)
    last = station.move(
        {
            "QueryRetrieveLevel": "SERIES",
            "StudyInstanceUID": here.kidney.study_uid,
            "SeriesInstanceUID": str(still.SeriesInstanceUID),
        }
    )[-1]
    assert (last.status, last.completed) == (SUCCESS, 1)
    assert list(station.received) == [still.SOPInstanceUID]


def test_an_unknown_study_is_a_failure_with_a_reason(clean_viewers: Institutions) -> None:
    last = clean_viewers.workstation.move({"StudyInstanceUID": "1.2.3.4.5"})[-1]
    assert is_failure(last)
    assert last.error_comment
    assert clean_viewers.workstation.received == {}


def test_an_unknown_destination_is_refused_by_its_own_status(institutions: Institutions) -> None:
    last = institutions.workstation.move({"StudyInstanceUID": institutions.kidney.study_uid}, to="NOBODY")[-1]
    assert last.status == UNKNOWN_DESTINATION


def test_a_destination_that_does_not_answer_is_a_failure_and_nothing_counts_as_delivered(
    institutions: Institutions,
) -> None:
    institutions.berg.do("workstation add", "--aet", "ASLEEP", "--address", f"{LOOPBACK}:{free_port()}")
    last = institutions.workstation.move({"StudyInstanceUID": institutions.kidney.study_uid}, to="ASLEEP")[-1]
    assert is_failure(last)
    assert not last.completed
    assert institutions.workstation.echo() == SUCCESS


def test_a_destination_that_refuses_every_image_is_told_image_by_image(clean_viewers: Institutions) -> None:
    here, station = clean_viewers, clean_viewers.workstation
    station.on_image = lambda count: REFUSED_NO_RESOURCES
    try:
        last = station.move({"StudyInstanceUID": here.kidney.study_uid})[-1]
    finally:
        station.on_image = lambda count: SUCCESS
    assert last.status in (UNABLE_TO_PERFORM, WARNING)
    assert (last.completed, last.failed) == (0, 28)
    assert len(last.identifier.FailedSOPInstanceUIDList) == 28


def test_a_destination_that_refuses_some_images_gets_the_others_and_a_list(clean_viewers: Institutions) -> None:
    here, station = clean_viewers, clean_viewers.workstation
    station.on_image = lambda count: REFUSED_NO_RESOURCES if count % 4 == 0 else SUCCESS
    try:
        last = station.move({"StudyInstanceUID": here.kidney.study_uid})[-1]
    finally:
        station.on_image = lambda count: SUCCESS
    assert (last.status, last.completed, last.failed) == (WARNING, 21, 7)
    failed = set(last.identifier.FailedSOPInstanceUIDList)
    assert failed.isdisjoint(station.received)
    assert failed | set(station.received) == set(here.kidney.encoded())


def test_a_workstation_that_reads_only_implicit_vr_gets_the_same_pixels(institutions: Institutions) -> None:
    here = institutions
    with Workstation("OLD", here.berg.dicom_port, here.berg.aet, syntaxes=("1.2.840.10008.1.2",)) as old:
        here.berg.do("workstation add", "--aet", "OLD", "--address", f"{old.host}:{old.port}")
        last = old.move({"StudyInstanceUID": here.kidney.study_uid})[-1]
        assert (last.status, last.completed) == (SUCCESS, 28)
        assert {encoded.transfer_syntax_uid for encoded in old.received.values()} == {"1.2.840.10008.1.2"}


def test_two_workstations_move_at_once_and_both_get_everything(clean_viewers: Institutions) -> None:
    here = clean_viewers
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(here.workstation.move, {"StudyInstanceUID": here.kidney.study_uid})
        other = pool.submit(here.peer.move, here.kidney.study_uid, to=here.viewer.aet)
        assert one.result()[-1].status == SUCCESS
        assert other.result().statuses[-1] == SUCCESS
    assert here.workstation.received == here.viewer.received()


def test_a_stranger_gets_no_association(institutions: Institutions) -> None:
    with pytest.raises(NoAssociation, match=r"(?i)calling"):
        Workstation("STRANGER", institutions.berg.dicom_port, institutions.berg.aet).echo()


def test_a_user_is_known_by_name_and_password_and_only_so(institutions: Institutions) -> None:
    here = institutions
    here.berg.do("user add", "dr.jung", "--password-stdin", stdin="correct horse\n")
    keys = {"StudyInstanceUID": here.kidney.study_uid}
    try:
        known = Workstation("STATION", here.berg.dicom_port, here.berg.aet, user=("dr.jung", "correct horse"))
        assert known.find(keys)[-1].status == SUCCESS
        wrong = Workstation("STATION", here.berg.dicom_port, here.berg.aet, user=("dr.jung", "battery"))
        with pytest.raises(NoAssociation):
            wrong.find(keys)
        nobody = Workstation("STATION", here.berg.dicom_port, here.berg.aet)
        refused = nobody.find(keys)[-1]
        assert (refused.status, refused.error_comment) == (
            0x0124,
            "Who asks? Sign in with: idas login DIR --aet STATION",
        )
        words = ("--aet", "STATION", "--user", "dr.jung", "--password-stdin")
        assert [one["aet"] for one in here.berg.ask("status")["sign_ins_wanted"]] == ["STATION"]
        here.berg.do("login", *words, stdin="correct horse\n")
        assert nobody.find(keys)[-1].status == SUCCESS
        here.berg.do("logout", "--aet", "STATION")
        assert nobody.find(keys)[-1].status == 0x0124
    finally:
        here.berg.do("user remove", "dr.jung")


def test_pending_responses_come_every_second_even_while_nothing_moves(clean_viewers: Institutions) -> None:
    here, station, go_on = clean_viewers, clean_viewers.workstation, threading.Event()

    def hold_the_first(count: int) -> int:
        go_on.wait(2.5 if count == 1 else 0.0)
        return SUCCESS

    station.on_image = hold_the_first
    try:
        responses = station.move({"StudyInstanceUID": here.kidney.study_uid})
    finally:
        station.on_image = lambda count: SUCCESS
    assert len([r for r in responses if r.status == PENDING and not r.completed]) >= 2
    assert responses[-1].completed == 28
