"""Records as DICOM audit messages: each has the shape and the mandatory parts that PS3.15 A.5 asks for."""

from __future__ import annotations

import base64
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Actor, Device, subject
from idas_p2p.access.audit.message import AuditSource, messages
from idas_p2p.access.subjects import Requester
from idas_p2p.wire.audit import By, Event, Kind, Outcome, Side
from idas_p2p.wire.query import StudyQuery
from tests.access.audit.logs import DOCTOR, KEY, PEER, record
from tests.access.audit.schema import check

SOURCE = AuditSource(KEY.node_id, "City Hospital", "IDAS")
MEMBER = Actor.of(Requester(node_id=PEER.node_id, institution="Lake Clinic", user="dr-moss"), address="198.51.100.7")
ONE = subject("1.2.3", "P1", "CITY")
BEGUN = events.transfer_begun(MEMBER, ONE, number=7, level="full")
DEVICE = Device("VIEWER", "192.0.2.20")
EVENTS: dict[str, tuple[Event, str, str, str]] = {
    # a name: the event, EventID, EventActionCode, EventTypeCode
    "start": (events.started("idas 1"), "110100", "E", "110120"),
    "stop": (events.stopped(), "110100", "E", "110121"),
    "log used": (events.log_used("root", "search"), "110101", "R", ""),
    "begin": (BEGUN, "110102", "E", ""),
    "sent": (events.transfer_ended(BEGUN, instances=3, failed=1, size=9), "110104", "R", ""),
    "got": (replace(events.transfer_begun(DOCTOR, ONE, number=8), kind=Kind.TRANSFERRED), "110104", "R", ""),
    "stored": (
        replace(events.transfer_begun(Actor(side=Side.NONE, by=By.TITLE, device=DEVICE), ONE, number=0), instances=1),
        "110102",
        "E",
        "",
    ),
    "refused": (events.transfer_refused(MEMBER, ONE, reason="expired"), "110102", "E", ""),
    "query": (events.queried(DOCTOR, StudyQuery.of({"PatientID": "P1"})), "110112", "E", ""),
    "query of another": (events.queried(MEMBER, StudyQuery()), "110112", "E", ""),
    "shown": (next(events.shown(MEMBER, [ONE], level="full")), "110110", "R", ""),
    "sign in": (events.signed_in("dr-lee", device=DEVICE, by=By.PASSWORD), "110114", "E", "110122"),
    "wrong password": (
        events.signed_in("x", device=DEVICE, by=By.PASSWORD, reason="user.wrong"),
        "110114",
        "E",
        "110122",
    ),
    "sign out": (events.signed_out("dr-lee", device=DEVICE), "110114", "E", "110123"),
    "stranger": (events.device_refused(DEVICE, reason="user.unknown_caller"), "110113", "E", "110126"),
    "emergency": (events.break_glass("dr-lee", reason="coma", subjects=[ONE], device=DEVICE), "110113", "E", "110127"),
    "rules": (events.rules_changed("+ grant 1: full to everyone", user="root"), "110113", "E", "110129"),
    "users": (events.configured("user dr-lee added", user="root"), "110113", "E", "110137"),
    "members": (events.membership_changed("Lake Clinic admitted", user="root"), "110113", "E", "110136"),
    "reveal": (next(events.revealed("root", [ONE])), "110113", "E", "110132"),
    "contradiction": (events.log_contradicted(PEER.node_id, "Lake Clinic", "cut"), "110113", "E", "110132"),
    "interrupted": (events.recovered("9 bytes"), "110113", "E", "110133"),
}


def parsed(event: Event) -> ElementTree.Element:
    (message,) = messages(record(1, event), SOURCE)
    return ElementTree.fromstring(message)


def codes(root: ElementTree.Element, path: str) -> list[str]:
    return [element.attrib["csd-code"] for element in root.findall(path)]


def details(root: ElementTree.Element) -> dict[str, str]:
    found = root.findall("ParticipantObjectIdentification/ParticipantObjectDetail")
    return {one.attrib["type"]: base64.b64decode(one.attrib["value"]).decode() for one in found}


@pytest.mark.parametrize("name", EVENTS)
def test_a_message_has_the_shape_and_the_codes_of_the_standard(name: str) -> None:
    event, event_id, action, event_type = EVENTS[name]
    root = parsed(event)
    check(root)
    assert codes(root, "EventIdentification/EventID") == [event_id]
    assert root[0].attrib["EventActionCode"] == action
    assert codes(root, "EventIdentification/EventTypeCode") == ([event_type] if event_type else [])
    assert root[0].attrib["EventOutcomeIndicator"] == str(int(event.outcome))


@pytest.mark.parametrize("name", ["begin", "sent", "got", "refused"])
def test_a_transfer_has_one_source_one_destination_its_study_and_its_patient(name: str) -> None:
    root = parsed(EVENTS[name][0])
    assert sorted(codes(root, "ActiveParticipant/RoleIDCode")) == ["110152", "110153"]
    assert codes(root, "ParticipantObjectIdentification/ParticipantObjectIDTypeCode") == ["110180", "2"]
    ids = [one.attrib["ParticipantObjectID"] for one in root.findall("ParticipantObjectIdentification")]
    assert ids == ["1.2.3", "P1"]
    assert details(root)["IssuerOfPatientID"] == "CITY"


def test_images_go_from_the_holder_to_the_requester() -> None:
    ours, theirs = str(KEY.node_id), str(PEER.node_id)
    for name, source in (("sent", ours), ("got", theirs)):
        roles = {
            one.attrib["UserID"]: codes(one, "RoleIDCode")
            for one in parsed(EVENTS[name][0]).findall("ActiveParticipant")
        }
        assert roles[source] == ["110153"]
        assert roles[theirs if source == ours else ours] == ["110152"]


def test_a_query_carries_its_keys_as_dicom_and_how_they_are_coded() -> None:
    root = parsed(EVENTS["query"][0])
    assert b"P1" in base64.b64decode(root.findtext("ParticipantObjectIdentification/ParticipantObjectQuery") or "")
    assert details(root) == {"TransferSyntax": "1.2.840.10008.1.2.1"}
    assert sorted(codes(root, "ActiveParticipant/RoleIDCode")) == ["110152", "110153"]


def test_exactly_one_participant_is_the_requestor_and_it_is_the_user_where_there_is_one() -> None:
    for event, *_ in EVENTS.values():
        asking = [one for one in parsed(event).findall("ActiveParticipant") if one.attrib["UserIsRequestor"] == "true"]
        assert len(asking) == 1
        if event.user:
            assert asking[0].attrib["UserID"] == event.user


def test_a_user_known_by_the_title_of_a_device_alone_is_marked_as_such() -> None:
    weak = events.queried(Actor(side=Side.REQUESTER, user="dr-lee", by=By.TITLE, device=DEVICE), StudyQuery())
    known = [one.attrib.get("AlternativeUserID") for one in parsed(weak).findall("ActiveParticipant")]
    assert "KNOWNBY=title;AETITLE=VIEWER" in known


def test_a_user_authentication_tells_where_the_user_was() -> None:
    person = parsed(EVENTS["sign in"][0]).findall("ActiveParticipant")[0]
    assert (person.attrib["NetworkAccessPointID"], person.attrib["NetworkAccessPointTypeCode"]) == ("192.0.2.20", "2")


def test_a_record_of_several_patients_becomes_a_message_for_each() -> None:
    several = [subject("1.1", "P1"), subject("1.2", "P2"), subject("1.3", "P1")]
    made = messages(record(1, next(events.shown(MEMBER, several))), SOURCE)
    found = [ElementTree.fromstring(one).findall("ParticipantObjectIdentification") for one in made]
    assert [[one.attrib["ParticipantObjectID"] for one in objects] for objects in found] == [
        ["1.1", "1.3", "P1"],
        ["1.2", "P2"],
    ]


def test_an_alert_says_in_words_what_it_is_about() -> None:
    assert details(parsed(EVENTS["rules"][0])) == {"Alert Description": "+ grant 1: full to everyone"}
    assert EVENTS["contradiction"][0].outcome is Outcome.MAJOR_FAILURE


@given(st.text(max_size=60))
def test_any_text_makes_xml_that_reads_back(text: str) -> None:
    actor = Actor(side=Side.REQUESTER, user=text, by=By.TITLE, device=Device(text, text), institution=text)
    for event in (
        events.transfer_refused(actor, subject(text, text, text), reason=text),
        events.rules_changed(text, user=text),
    ):
        check(parsed(event))
