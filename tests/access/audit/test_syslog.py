"""Audit messages in the frames of syslog over TLS."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import subject
from idas_p2p.access.audit.message import AuditSource
from idas_p2p.access.audit.syslog import syslog_frames
from idas_p2p.wire.audit import AuditRecord, Event, Outcome
from tests.access.audit.logs import DOCTOR, KEY, record

SOURCE = AuditSource(KEY.node_id, "Städtische Klinik", "IDAS")
HEADER = re.compile(
    rb"<(\d+)>1 (\S+) (\S+) (\S+) - DICOM\+RFC3881 \[meta sequenceId=\"(\d+)\"\] \xef\xbb\xbf(<AuditMessage>.*)", re.S
)


def frames(one: AuditRecord, host: str = "node1") -> list[bytes]:
    """The syslog messages, by the length in front of each."""
    data, found = syslog_frames(one, SOURCE, host=host), []
    while data:
        size, _, rest = data.partition(b" ")
        found.append(rest[: int(size)])
        data = rest[int(size) :]
    return found


def test_a_frame_holds_one_syslog_message_with_its_xml() -> None:
    (message,) = frames(record(17, events.started("1")))
    match = HEADER.fullmatch(message)
    assert match is not None
    priority, when, host, app, sequence, xml = match.groups()
    assert (priority, when, host, app, sequence) == (b"85", b"2023-11-14T22:13:20.017Z", b"node1", b"idas", b"17")
    assert ElementTree.fromstring(xml).tag == "AuditMessage"


@pytest.mark.parametrize(
    ("outcome", "priority"),
    [(Outcome.SUCCESS, 85), (Outcome.MINOR_FAILURE, 84), (Outcome.SERIOUS_FAILURE, 83), (Outcome.MAJOR_FAILURE, 82)],
)
def test_the_worse_the_outcome_the_more_urgent_the_message(outcome: Outcome, priority: int) -> None:
    event: Event = replace(events.stopped(), outcome=outcome)
    assert frames(record(1, event))[0].startswith(f"<{priority}>1 ".encode())


def test_a_record_of_two_patients_is_two_messages_of_one_number() -> None:
    two = next(events.shown(DOCTOR, [subject("1.1", "P1"), subject("1.2", "P2")]))
    numbers = [match[5] for message in frames(record(9, two)) if (match := HEADER.fullmatch(message))]
    assert numbers == [b"9", b"9"]


@pytest.mark.parametrize(("host", "told"), [("", b" - idas"), ("a b\n", b" ab idas"), ("é" * 9, b" - idas")])
def test_a_host_name_that_does_not_fit_the_header_is_made_to(host: str, told: bytes) -> None:
    assert told in frames(record(1, events.stopped()), host)[0]
