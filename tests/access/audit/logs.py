"""Records and whole logs for the tests of the audit log."""

from __future__ import annotations

from dataclasses import replace

from idas_p2p.access.audit.chain import State, digest_of, sign_segment, start
from idas_p2p.access.audit.events import Actor, Device, queried, shown, subject, transfer_begun
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.wire.audit import AuditRecord, By, Event, Side
from idas_p2p.wire.audit_file import frame, segment_start
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.schema import encode

KEY = SigningKey(bytes([7]) * 32)
PEER = SigningKey(bytes([8]) * 32)
NOW = 1_700_000_000.0
DOCTOR = Actor(
    side=Side.REQUESTER,
    user="dr-lee",
    by=By.PASSWORD,
    device=Device("VIEWER", "192.0.2.20"),
    nodes=(PEER.node_id,),
    institution="Lake Clinic",
)


def some_events(count: int) -> list[Event]:
    """Queries, what they showed, and transfers, of patients P0, P1, ..."""
    made: list[Event] = []
    number = 0
    while len(made) < count:
        one = subject(f"1.2.{number}", f"P{number}", "HOSPITAL")
        made.append(queried(DOCTOR, StudyQuery.of({"PatientID": f"P{number}"})))
        made += shown(DOCTOR, [one], level="full")
        made.append(transfer_begun(DOCTOR, one, number=number + 1, level="full"))
        number += 1
    return made[:count]


def record(number: int, event: Event, *, at: float = NOW) -> AuditRecord:
    return AuditRecord(number=number, at_ms=int(at * 1_000) + number, nonce=number.to_bytes(16), event=event)


def bodies(events: list[Event], *, first: int = 1) -> list[bytes]:
    return [encode(record(number, event)) for number, event in enumerate(events, first)]


def segment(key: SigningKey, before: State, records: list[bytes]) -> tuple[bytes, State]:
    """The bytes of one segment, and the state after it."""
    data, state = segment_start(sign_segment(key, before, now=NOW)), before
    for body in records:
        state = state.after(digest_of(body))
        data += frame(body, state.chain)
    return data, state


def log(key: SigningKey, *, sizes: tuple[int, ...] = (5, 5)) -> tuple[list[bytes], list[State]]:
    """Segments of so many records, and the state after each record, that of the empty log first."""
    states, segments = [start(key.node_id)], []
    for size in sizes:
        state = states[-1]
        records = bodies(some_events(state.count + size), first=1)[state.count :]
        data, _ = segment(key, state, records)
        segments.append(data)
        for body in records:
            states.append(states[-1].after(digest_of(body)))
    return segments, states


def with_user(body: AuditRecord, user: str) -> AuditRecord:
    """The same record of another user."""
    return replace(body, event=replace(body.event, user=user))


def nobody() -> NodeId:
    return SigningKey(bytes([9]) * 32).node_id
