"""What a holder may send: every rule it can break is refused, and only what was verified comes out."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import AccessDenied, ArchiveFailed, DigestMismatch, IdasError, SpoolFull, WireError
from idas_p2p.exchange.receiver import MAX_IDLE_STARTS, Receiver
from idas_p2p.limits import MAX_INSTANCE_SIZE
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.messages import (
    MESSAGES,
    Chunk,
    FetchEnd,
    FetchStart,
    Hello,
    InstanceHead,
    InstanceLost,
    Ping,
    instance_mark,
)
from tests.exchange.ends import EVERYTHING, Spool, instance
from tests.wire.strategies import valid

DATA = b"the data set"


def receiver(*, spool: Spool | None = None, selection: Selection = EVERYTHING, have: int = 0) -> Receiver:
    """A receiver that has the first `have` instances already."""
    present = [instance(number) for number in range(have)]
    marks = [instance_mark(one.sop_instance_uid) for one in present]
    return Receiver(selection, spool or Spool(), present=present, have=marks)


def head(number: int = 7, data: bytes = DATA, **changes: Any) -> InstanceHead:
    fields: dict[str, Any] = {
        "series_uid": "1.2.1",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "sop_instance_uid": f"1.2.1.{number}",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "size": len(data),
        "digest": hashlib.blake2b(data, digest_size=32).digest(),
    }
    return InstanceHead(**fields | changes)


def chunk(data: bytes = DATA) -> Chunk:
    return Chunk(coding=0, size=len(data), data=data)


def lost(number: int = 7) -> InstanceLost:
    return InstanceLost(sop_instance_uid=f"1.2.1.{number}", code=ArchiveFailed.code)


def take(one: Receiver, *messages: Any) -> list[RetrieveEvent]:
    return [event for message in messages for event in one.receive(message)]


def test_an_instance_comes_out_once_all_its_bytes_are_here_and_right() -> None:
    one = receiver()
    assert take(one, FetchStart(total=1), head(), chunk(DATA[:5])) == [Total(1)]
    (event,) = take(one, chunk(DATA[5:]))
    assert isinstance(event, Instance)
    assert (event.study_uid, event.sop_instance_uid, event.data.read()) == ("1.2", "1.2.1.7", DATA)
    take(one, FetchEnd(code=""))
    assert one.is_over


def test_an_empty_instance_needs_no_chunk() -> None:
    _, event = take(receiver(), FetchStart(total=1), head(data=b""))
    assert isinstance(event, Instance)
    assert event.data.size == 0


def test_an_instance_whose_digest_is_a_lie_fails_and_the_next_one_comes() -> None:
    spool = Spool()
    one = receiver(spool=spool)
    take(one, FetchStart(total=2))
    (failed,) = take(one, head(1, digest=bytes(32)), chunk())
    assert isinstance(failed, InstanceFailed)
    assert isinstance(failed.reason, DigestMismatch)
    (good,) = take(one, head(2), chunk())
    assert isinstance(good, Instance)
    assert list(spool.kept) == ["1.2.1.2"]


def test_what_is_here_already_comes_first_and_counts() -> None:
    one = receiver(have=2)
    total, first, second = take(one, FetchStart(total=3))
    assert total == Total(3)
    assert [event.sop_instance_uid for event in (first, second) if isinstance(event, Instance)] == [
        "1.2.1.0",
        "1.2.1.1",
    ]
    take(one, head(), chunk(), FetchEnd(code=""))
    assert one.is_over


def test_what_another_holder_gave_makes_the_total_larger() -> None:
    one = receiver(have=2)
    events = take(one, FetchStart(total=2), head(8), chunk(), head(9), chunk())
    assert [event.count for event in events if isinstance(event, Total)] == [2, 3, 4]


def test_a_lost_instance_is_a_failure_with_its_reason() -> None:
    _, failed = take(receiver(), FetchStart(total=1), lost())
    assert isinstance(failed, InstanceFailed)
    assert isinstance(failed.reason, ArchiveFailed)


def test_an_instance_may_be_lost_while_it_is_sent() -> None:
    spool = Spool()
    one = receiver(spool=spool)
    _, failed = take(one, FetchStart(total=1), head(), chunk(b"part"), lost(), FetchEnd(code=""))
    assert isinstance(failed, InstanceFailed)
    assert (one.is_over, spool.open_writers, spool.kept) == (True, 0, {})


def test_a_holder_that_lost_what_is_here_costs_nothing() -> None:
    assert take(receiver(have=2), FetchStart(total=2), lost(1))[3:] == []


def test_the_holders_code_ends_the_fetch_as_that_error() -> None:
    for messages in ([], [FetchStart(total=5)], [FetchStart(total=5), head(), chunk(b"part")]):
        with pytest.raises(AccessDenied):
            take(receiver(), *messages, FetchEnd(code=AccessDenied.code))


def test_no_room_here_is_told_as_such() -> None:
    with pytest.raises(SpoolFull):
        take(receiver(spool=Spool(room=3)), FetchStart(total=1), head())


ONE, TWO = FetchStart(total=1), FetchStart(total=2)
HOSTILE: dict[str, list[Any]] = {
    "an instance before the start": [head()],
    "a chunk before the start": [chunk()],
    "a loss before the start": [lost()],
    "an end before the start": [FetchEnd(code="")],
    "an end before all was sent": [TWO, head(), chunk(), FetchEnd(code="")],
    "an end inside an instance": [ONE, head(), FetchEnd(code="")],
    "a start inside an instance": [ONE, head(), ONE],
    "an instance inside another": [TWO, head(1), head(2)],
    "a loss inside another instance": [TWO, head(1), lost(2)],
    "a chunk of no instance": [ONE, chunk()],
    "a chunk after the last": [ONE, head(), chunk(), chunk()],
    "an empty chunk": [ONE, head(), Chunk(coding=0, size=0, data=b"")],
    "a chunk longer than its instance": [ONE, head(), chunk(DATA + b"!")],
    "an instance twice": [TWO, head(), chunk(), head(), chunk()],
    "an instance sent, then lost": [TWO, head(), chunk(), lost()],
    "an instance lost, then sent": [TWO, lost(), head()],
    "an instance lost twice": [TWO, lost(), lost()],
    "more instances than announced": [ONE, head(1), chunk(), head(2)],
    "more losses than announced": [ONE, lost(1), lost(2)],
    "an instance where none was announced": [FetchStart(total=0), head()],
    "an instance that is too large": [ONE, head(size=MAX_INSTANCE_SIZE + 1)],
    "starts without end": [FetchStart(total=n % 2) for n in range(MAX_IDLE_STARTS + 1)],
    "a message of a control link": [ONE, Ping(number=1)],
    "a hello": [ONE, Hello(version=1, epoch=1)],
}


@pytest.mark.parametrize("messages", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_holder_that_breaks_a_rule_is_refused(messages: list[Any]) -> None:
    spool = Spool()
    one = receiver(spool=spool)
    with pytest.raises(WireError):
        take(one, *messages)
    one.abort()
    assert spool.open_writers == 0


def test_an_instance_that_is_here_already_is_not_taken_again() -> None:
    with pytest.raises(WireError, match="sent again"):
        take(receiver(have=1), TWO, head(0))


@pytest.mark.parametrize(
    "selection",
    [
        Selection(study_uid="1.2", series_uids=("1.2.9",)),
        Selection(study_uid="1.2", sop_instance_uids=("1.2.1.8",)),
        Selection(study_uid="1.2", series_uids=("1.2.1",), sop_instance_uids=("1.2.1.8",)),
    ],
)
def test_an_instance_that_was_not_asked_for_is_refused(selection: Selection) -> None:
    with pytest.raises(WireError, match="not asked for"):
        take(receiver(selection=selection), ONE, head())


def test_a_loss_of_what_was_not_asked_for_is_refused() -> None:
    with pytest.raises(WireError, match="not asked for"):
        take(receiver(selection=Selection(study_uid="1.2", sop_instance_uids=("1.2.1.8",))), ONE, lost())


def test_corrections_of_the_total_are_free_while_instances_come() -> None:
    one = receiver()
    for number in range(2 * MAX_IDLE_STARTS):
        take(one, FetchStart(total=number + 1), lost(number))
    take(one, FetchEnd(code=""))


any_message = st.one_of(*(valid(kind) for kind in MESSAGES.values() if kind is not Hello))
likely = st.sampled_from([ONE, TWO, head(1), head(2), chunk(), chunk(b"part"), lost(1), lost(2), FetchEnd(code="")])


@given(st.lists(likely | any_message, max_size=20))
def test_any_messages_keep_the_promises_or_are_refused(messages: list[Any]) -> None:
    spool = Spool()
    one, events = receiver(spool=spool), list[RetrieveEvent]()
    try:
        for message in messages:
            events += one.receive(message)
    except IdasError:
        one.abort()
    uids = [event.sop_instance_uid for event in events if not isinstance(event, Total)]
    assert len(uids) == len(set(uids))
    assert {event.sop_instance_uid for event in events if isinstance(event, Instance)} == set(spool.kept)
    assert not uids or isinstance(events[0], Total)
    assert not one.is_over or spool.open_writers == 0
