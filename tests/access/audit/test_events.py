"""What things become in the log, and that nothing a caller gives can make a maker fail."""

from __future__ import annotations

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Actor, Device, subject
from idas_p2p.access.subjects import Requester
from idas_p2p.wire.audit import MAX_RECORD_BYTES, MAX_SUBJECTS, AuditRecord, By, Kind, Outcome, Side
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.schema import decode, encode
from tests.access.audit.logs import DOCTOR, PEER, record

LONG = "ü" * 5_000
MEMBER = Requester(node_id=PEER.node_id, institution=LONG, user=LONG)


def test_what_is_shown_is_grouped_into_as_many_records_as_it_takes() -> None:
    subjects = [subject(f"1.2.{n}", f"P{n}") for n in range(2 * MAX_SUBJECTS + 1)]
    groups = list(events.shown(DOCTOR, subjects, level="full"))
    assert [len(one.subjects) for one in groups] == [MAX_SUBJECTS, MAX_SUBJECTS, 1]
    assert [one for group in groups for one in group.subjects] == subjects
    assert {one.level for one in groups} == {"full"}
    assert list(events.shown(DOCTOR, [])) == []


def test_a_member_that_asks_is_the_holders_side_and_vouches_for_its_user() -> None:
    event = events.queried(Actor.of(Requester(node_id=PEER.node_id, institution="Lake", user="dr-lee")), StudyQuery())
    assert (event.kind, event.side, event.by) == (Kind.QUERY, Side.HOLDER, By.NODE)
    assert (event.user, event.node, event.institution) == ("dr-lee", PEER.node_id.raw, "Lake")


def test_a_refusal_is_a_failure_with_its_reason() -> None:
    event = events.signed_in("dr-lee", device=Device("VIEWER", "192.0.2.1"), by=By.PASSWORD, reason="user.wrong")
    assert (event.kind, event.code, event.outcome) == (Kind.SIGN_IN, events.LOGIN, Outcome.MINOR_FAILURE)
    assert event.reason == "user.wrong"


def test_a_ticket_that_was_never_given_is_worse_than_one_that_has_expired() -> None:
    actor = Actor.of(MEMBER)
    assert events.transfer_refused(actor, subject("1.2"), reason="expired").outcome is Outcome.MINOR_FAILURE
    forged = events.transfer_refused(actor, subject("1.2"), reason="not_ours", is_attack=True)
    assert forged.outcome is Outcome.SERIOUS_FAILURE


def test_where_images_go_is_told_when_it_is_not_who_asks() -> None:
    assert events.transfer_begun(DOCTOR, subject("1.2"), number=1, to="CONSULT").text == "to CONSULT"
    assert events.transfer_begun(DOCTOR, subject("1.2"), number=1).text == ""


def test_a_log_that_contradicts_is_the_worst_there_is() -> None:
    assert events.log_contradicted(PEER.node_id, "Lake", "").outcome is Outcome.MAJOR_FAILURE


def test_whatever_a_caller_gives_makes_a_record_that_reads_back() -> None:
    long = Device(LONG, LONG)
    one = subject(LONG, LONG, LONG)
    actor = Actor(side=Side.REQUESTER, user=LONG, device=long, institution=LONG)
    made = [
        events.started(LONG),
        events.stopped(),
        events.queried(actor, StudyQuery(), reason=LONG),
        *events.shown(actor, [one], level=LONG),
        events.transfer_begun(actor, one, number=1, level=LONG),
        events.transfer_refused(Actor.of(MEMBER, address=LONG), one, reason=LONG),
        events.signed_in(LONG, device=long, by=By.TITLE, reason=LONG),
        events.signed_out(LONG, device=long),
        events.device_refused(long, reason=LONG, text=LONG),
        events.break_glass(LONG, reason=LONG, requester=MEMBER, subjects=[one] * 100),
        events.break_glass(LONG, reason=LONG, device=long),
        events.rules_changed(LONG, user=LONG),
        events.configured(LONG, user=LONG),
        events.membership_changed(LONG, user=LONG),
        *events.revealed(LONG, [one] * 100),
        events.log_used(LONG, LONG),
        events.log_contradicted(PEER.node_id, LONG, LONG),
        events.recovered(LONG),
    ]
    for event in made:
        assert decode(AuditRecord, encode(record(1, event)), max_size=MAX_RECORD_BYTES).event == event
