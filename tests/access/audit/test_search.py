"""What the log answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Actor, subject
from idas_p2p.access.audit.search import Wanted, accesses, decoded, document, studies_of
from idas_p2p.wire.audit import AuditRecord, Kind, Side
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.schema import encode
from tests.access.audit.logs import DOCTOR, NOW, PEER, record, some_events

RECORDS = [record(number, event) for number, event in enumerate(some_events(9), 1)]  # three of each patient


def found(**conditions: object) -> list[int]:
    wanted = Wanted(**conditions)  # type: ignore[arg-type]
    for one in RECORDS:
        if wanted.matches(one):
            assert all(needle in encode(one) for needle in wanted.needles())
    return [one.number for one in RECORDS if wanted.matches(one)]


@pytest.mark.parametrize(
    ("conditions", "numbers"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"patient_id": "P1"}, [4, 5, 6]),  # the query that named it as well
        ({"patient_id": "P1", "issuer": "ELSEWHERE"}, [4]),
        ({"study_uid": "1.2.2"}, [8, 9]),
        ({"study_uid": "1.2"}, []),
        ({"kinds": frozenset({Kind.QUERY})}, [1, 4, 7]),
        ({"user": "dr-lee", "kinds": frozenset({Kind.BEGIN_TRANSFER})}, [3, 6, 9]),
        ({"user": "dr-le"}, []),
        ({"node": "lake clinic", "patient_id": "P0"}, [1, 2, 3]),
        ({"node": str(PEER.node_id), "study_uid": "1.2.0"}, [2, 3]),
        ({"node": "Sea Clinic"}, []),
        ({"since_ms": int(NOW * 1_000) + 8}, [8, 9]),
        ({"until_ms": int(NOW * 1_000) + 2}, [1, 2]),
        ({"only_failures": True}, []),
    ],
)
def test_records_are_found_by_study_patient_user_node_time_and_kind(
    conditions: dict[str, object], numbers: list[int]
) -> None:
    assert found(**conditions) == numbers


def test_who_saw_a_patient_names_lists_and_transfers_also_where_the_record_has_the_study_alone() -> None:
    begun = events.transfer_begun(DOCTOR, subject("1.2.1"), number=4)
    more = [
        record(10, begun),
        record(11, events.transfer_ended(begun, instances=5, failed=0, size=9)),
        record(12, events.transfer_refused(Actor(side=Side.HOLDER, user="x"), subject("1.2.1"), reason="expired")),
        record(13, events.queried(DOCTOR, StudyQuery.of({"PatientID": "P1"}))),
    ]
    wanted = Wanted(patient_id="P1")
    studies = studies_of([*RECORDS, *more], wanted)
    assert studies == {"1.2.1"}
    seen = list(accesses([*RECORDS, *more], wanted, studies))
    assert [(one["number"], one["saw"], one["outcome"]) for one in seen] == [
        (5, "listed", "success"),
        (6, "images, end unknown", "success"),
        (11, "images", "success"),
        (12, "asked for", "minor_failure"),
    ]


def test_the_instances_of_a_transfer_by_name_are_no_further_accesses() -> None:
    begun = events.transfer_begun(DOCTOR, subject("1.2.1"), number=4)
    named = events.instances_named(DOCTOR, subject("1.2.1"), ["1.2.1.1", "1.2.1.2"], number=4, level="full")
    assert named.text == "instances 1.2.1.1 1.2.1.2"
    ended = events.transfer_ended(begun, instances=2, failed=0, size=9)
    told = [begun, named, ended]
    records = [record(number, event) for number, event in enumerate(told, 1)]
    for count, saw in ((3, 3), (2, 1)):  # the second ended with the node
        (one,) = accesses(records[:count], Wanted(study_uid="1.2.1"), {"1.2.1"})
        assert one["number"] == saw


def test_a_list_of_many_patients_tells_only_of_the_one_asked_about() -> None:
    many = record(1, next(events.shown(DOCTOR, [subject("1.1", "P1"), subject("1.2", "P2")])))
    wanted = Wanted(patient_id="P2")
    (seen,) = accesses([many], wanted, studies_of([many], wanted))
    assert [one["study_uid"] for one in seen["studies"]] == ["1.2"]


def test_a_record_of_a_kind_not_known_is_passed_over() -> None:
    assert [one.number for one in decoded([b"nonsense", encode(RECORDS[0])])] == [1]


def test_a_document_holds_everything_a_record_says() -> None:
    shown = document(RECORDS[4])
    assert (shown["number"], shown["kind"], shown["user"], shown["known_by"]) == (5, "shown", "dr-lee", "password")
    assert shown["studies"] == [{"study_uid": "1.2.1", "patient_id": "P1", "issuer": "HOSPITAL"}]
    assert document(RECORDS[3])["query"] == {"PatientID": "P1"}
    odd: AuditRecord = record(1, replace(events.stopped(), outcome=5))
    assert document(odd)["outcome"] == 5
