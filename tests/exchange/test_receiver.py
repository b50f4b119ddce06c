"""What a holder may send: every rule it can break is refused, and only what was verified comes out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import (
    AccessDenied,
    ArchiveFailed,
    BadSignature,
    ChannelClosed,
    DigestMismatch,
    IdasError,
    SpoolFull,
    WireError,
)
from idas_p2p.exchange.receiver import MAX_IDLE_STARTS, Receiver
from idas_p2p.limits import MAX_INSTANCE_SIZE
from idas_p2p.wire.fetching import (
    Chunk,
    FetchEnd,
    FetchStart,
    InstanceHead,
    InstanceListed,
    InstanceLost,
    ListEnd,
    Mode,
    Wanted,
)
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection, Total
from idas_p2p.wire.messages import MESSAGES, Hello, Ping
from tests.exchange.ends import EVERYTHING, WRONG, Beginning, Spool, chunks_of, digest_of, new_manifest, signed
from tests.wire.strategies import valid

DATA = b"the data set"


def receiver(*, spool: Spool | None = None, selection: Selection = EVERYTHING, mode: Mode = Mode.ALL) -> Receiver:
    return Receiver(selection, spool or Spool(), manifest=new_manifest(), mode=mode)


def names(number: int, data: bytes = DATA) -> dict[str, Any]:
    return {
        "series_uid": "1.2.1",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "sop_instance_uid": f"1.2.1.{number}",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "size": len(data),
        "digest": digest_of(data),
    }


def head(number: int = 7, data: bytes = DATA, **changes: Any) -> InstanceHead:
    return InstanceHead(**names(number, data) | {"start": 0} | changes)


def listed(number: int = 7, data: bytes = DATA, **changes: Any) -> InstanceListed:
    return InstanceListed(**names(number, data) | changes)


def chunk(data: bytes = DATA) -> Chunk:
    (only,) = chunks_of(data)
    return only


def lost(number: int = 7) -> InstanceLost:
    return InstanceLost(sop_instance_uid=f"1.2.1.{number}", code=ArchiveFailed.code)


def take(one: Receiver, *messages: Any) -> list[Any]:
    """What messages complete, without the names of instances that begin."""
    events = [event for message in messages for event in one.receive(message, getattr(message, "data", b""))]
    return [event for event in events if not isinstance(event, InstanceListed)]


def take_all(one: Receiver, *messages: Any) -> list[Any]:
    """The same, ended as a holder ends it."""
    return take(one, *messages, signed(messages))


def wanted(one: Receiver, *numbers: int, start: int = 0) -> None:
    for number in numbers:
        one.want(Wanted(sop_instance_uid=f"1.2.1.{number}", start=start))


def test_an_instance_comes_out_once_all_its_bytes_are_here_and_right() -> None:
    one = receiver()
    said = [FetchStart(total=1), head(), *chunks_of(DATA, 5)]
    assert take(one, *said[:3]) == [Total(1)]
    (event,) = take(one, said[3])
    assert isinstance(event, Instance)
    assert (event.study_uid, event.sop_instance_uid, event.data.read()) == ("1.2", "1.2.1.7", DATA)
    take(one, signed(said))
    assert one.is_over
    assert one.evidence is not None


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


def test_a_wrong_chunk_is_noticed_before_it_is_written_and_the_rest_of_its_instance_is_thrown_away() -> None:
    spool = Spool()
    one = receiver(spool=spool)
    first, second, third = chunks_of(DATA, 3, 3)
    (failed,) = take(one, FetchStart(total=2), head(1), first, replace(second, data=b"!!!"))[1:]
    assert isinstance(failed.reason, DigestMismatch)
    assert spool.open_writers == 0
    assert take(one, third) == []
    (good,) = take(one, head(2), chunk())
    assert isinstance(good, Instance)


def test_a_chunk_whose_digest_is_of_something_else_is_wrong() -> None:
    (failed,) = take(receiver(), FetchStart(total=1), head(), replace(chunk(), digest=WRONG))[1:]
    assert isinstance(failed.reason, DigestMismatch)


def test_a_lost_instance_is_a_failure_with_its_reason() -> None:
    _, failed = take(receiver(), FetchStart(total=1), lost())
    assert isinstance(failed, InstanceFailed)
    assert isinstance(failed.reason, ArchiveFailed)


def test_an_instance_may_be_lost_while_it_is_sent_and_what_is_right_of_it_is_kept() -> None:
    spool = Spool()
    one = receiver(spool=spool)
    first, _ = chunks_of(DATA, 4)
    _, failed = take_all(one, FetchStart(total=1), head(), first, lost())
    assert isinstance(failed, InstanceFailed)
    assert (one.is_over, spool.open_writers, spool.kept) == (True, 0, {})
    assert [one.kept for one in spool.partial()] == [4]


def test_an_instance_fails_once_when_it_is_wrong_and_then_lost() -> None:
    events = take(receiver(), FetchStart(total=1), head(), replace(chunks_of(DATA, 4)[0], digest=WRONG), lost())
    assert [type(event) for event in events] == [Total, InstanceFailed]


def test_the_holders_code_ends_the_fetch_as_that_error() -> None:
    for said in ([], [FetchStart(total=5)], [FetchStart(total=5), head(), chunks_of(DATA, 4)[0]]):
        with pytest.raises(AccessDenied):
            take(receiver(), *said, signed(said, code=AccessDenied.code))


def test_a_refusal_of_a_holder_that_said_nothing_need_not_be_signed() -> None:
    with pytest.raises(AccessDenied):
        take(receiver(), FetchEnd(code=AccessDenied.code))


def test_no_room_here_is_told_as_such() -> None:
    with pytest.raises(SpoolFull):
        take(receiver(spool=Spool(room=3)), FetchStart(total=1), head())


ONE, TWO = FetchStart(total=1), FetchStart(total=2)
WHOLE = [ONE, head(), chunk()]


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(64),
        signed(WHOLE[:2]).signature,
        signed([ONE, head(), *chunks_of(DATA, 5)]).signature,
        signed([ONE, head(digest=bytes(32)), chunk()]).signature,
    ],
    ids=["none", "no signature", "a chunk left out", "cut otherwise", "another digest"],
)
@pytest.mark.parametrize("code", ["", AccessDenied.code])
def test_a_holder_that_does_not_sign_what_it_said_is_refused(signature: bytes, code: str) -> None:
    one = receiver()
    take(one, *WHOLE)
    with pytest.raises(BadSignature):
        take(one, FetchEnd(code=code, signature=signature))
    assert one.evidence is None


HOSTILE: dict[str, list[Any]] = {
    "an instance before the start": [head()],
    "a chunk before the start": [chunk()],
    "a loss before the start": [lost()],
    "an end before the start": [signed([])],
    "an end before all was sent": [TWO, head(), chunk(), signed(WHOLE)],
    "an end inside an instance": [ONE, head(), signed([head()])],
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
    "an instance that begins in the middle": [ONE, head(start=3)],
    "a list where none was asked for": [ONE, listed()],
    "the end of a list where there is none": [ONE, ListEnd(count=0, code="")],
    "starts without end": [FetchStart(total=n % 2) for n in range(MAX_IDLE_STARTS + 1)],
    "a message of a control link": [ONE, Ping(number=1)],
    "a hello": [ONE, Hello(version=4, epoch=1, state=b"")],
}


@pytest.mark.parametrize("messages", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_holder_that_breaks_a_rule_is_refused(messages: list[Any]) -> None:
    spool = Spool()
    one = receiver(spool=spool)
    with pytest.raises(WireError):
        take(one, *messages)
    one.pause()
    assert spool.open_writers == 0


@pytest.mark.parametrize(
    "selection",
    [
        Selection(study_uid="1.2", series_uids=("1.2.9",)),
        Selection(study_uid="1.2", sop_instance_uids=("1.2.1.8",)),
        Selection(study_uid="1.2", series_uids=("1.2.1",), sop_instance_uids=("1.2.1.8",)),
    ],
)
@pytest.mark.parametrize("mode", list(Mode))
def test_an_instance_that_was_not_asked_for_is_refused(selection: Selection, mode: Mode) -> None:
    with pytest.raises(WireError, match="not asked for"):
        take(receiver(selection=selection, mode=mode), ONE, head() if mode is Mode.ALL else listed())


def test_a_loss_of_what_was_not_asked_for_is_refused() -> None:
    with pytest.raises(WireError, match="not asked for"):
        take(receiver(selection=Selection(study_uid="1.2", sop_instance_uids=("1.2.1.8",))), ONE, lost())


def test_corrections_of_the_total_are_free_while_instances_come() -> None:
    one, said = receiver(), list[Any]()
    for number in range(2 * MAX_IDLE_STARTS):
        said += [FetchStart(total=number + 1), lost(number)]
    take_all(one, *said)
    assert one.is_over


# -- listed


def listing(*numbers: int, spool: Spool | None = None) -> Receiver:
    """A receiver to which these were listed."""
    one = receiver(spool=spool, mode=Mode.LISTED)
    take(one, FetchStart(total=len(numbers)), *map(listed, numbers), ListEnd(count=len(numbers), code=""))
    return one


def test_what_is_listed_comes_when_it_is_wanted_in_the_order_of_wanting() -> None:
    one = listing(1, 2, 3)
    wanted(one, 3, 1)
    third, first = take(one, head(3), chunk(), head(1), chunk())
    assert (third.sop_instance_uid, first.sop_instance_uid) == ("1.2.1.3", "1.2.1.1")


def test_the_list_goes_on_while_instances_come() -> None:
    one = receiver(mode=Mode.LISTED)
    said = [TWO, listed(1)]
    events = one.receive(TWO) + one.receive(said[1])
    assert events == [Total(2), listed(1)]
    wanted(one, 1)
    first, second = chunks_of(DATA, 5)
    more = [head(1), first, listed(2), FetchStart(total=3), second, ListEnd(count=2, code="")]
    events = [event for message in more for event in one.receive(message, getattr(message, "data", b""))]
    assert [type(event) for event in events] == [InstanceListed, Total, Instance, ListEnd]
    one.done()
    take(one, signed([*said, *more]))
    assert one.is_over


def test_an_unfinished_instance_goes_on_where_it_stopped() -> None:
    spool = Spool(begun={"1.2.1.1": Beginning("1.2.1.1", digest_of(DATA), len(DATA), DATA[:5])})
    one = listing(1, spool=spool)
    wanted(one, 1, start=5)
    (event,) = take(one, head(1, start=5), *chunks_of(DATA, 3, start=5))
    assert event.data.read() == DATA


def test_a_beginning_that_is_gone_fails_as_an_error_of_this_side_and_its_bytes_are_passed_over() -> None:
    one = listing(1, 2)
    wanted(one, 1, start=5)
    wanted(one, 2)
    failed, good = take(one, head(1, start=5), *chunks_of(DATA, start=5), head(2), chunk())
    assert isinstance(failed.reason, ChannelClosed)
    assert isinstance(good, Instance)


def test_a_beginning_that_was_announced_otherwise_is_wrong_at_the_next_chunk() -> None:
    spool = Spool(begun={"1.2.1.1": Beginning("1.2.1.1", digest_of(DATA), len(DATA), b"other")})
    one = listing(1, spool=spool)
    wanted(one, 1, start=5)
    (failed,) = take(one, head(1, start=5), *chunks_of(DATA, start=5))
    assert isinstance(failed.reason, DigestMismatch)


def test_what_is_wanted_may_be_lost_and_wanted_again() -> None:
    one = listing(1)
    wanted(one, 1, 1)
    failed, good = take(one, lost(1), head(1), chunk())
    assert isinstance(failed, InstanceFailed)
    assert isinstance(good, Instance)


def test_an_end_may_cut_off_what_is_no_longer_wanted() -> None:
    said = [ONE, listed(1), ListEnd(count=1, code=""), head(1), chunks_of(DATA, 5)[0]]
    one = receiver(mode=Mode.LISTED)
    take(one, *said[:3])
    wanted(one, 1)
    one.done()
    take(one, *said[3:], signed(said))
    assert one.is_over


LISTED_HOSTILE: dict[str, list[Any]] = {
    "an instance that is not wanted": [head(3)],
    "an instance out of turn": [head(2)],
    "an instance at another place": [head(1, start=4)],
    "an instance of another size": [head(1, DATA + b"!")],
    "an instance with another digest": [head(1, digest=bytes(32))],
    "an instance of another series": [head(1, series_uid="1.2.9")],
    "an instance inside another": [head(1), head(2)],
    "an instance after its loss": [lost(1), head(1)],
    "an instance listed after the end": [listed(4)],
    "a second end of the list": [ListEnd(count=3, code="")],
    "a loss of what was not wanted": [lost(3)],
    "a loss of what was not listed": [lost(9)],
    "an end that nobody waited for": [signed([])],
}


@pytest.mark.parametrize("messages", LISTED_HOSTILE.values(), ids=LISTED_HOSTILE.keys())
def test_a_holder_that_breaks_a_rule_of_lists_is_refused(messages: list[Any]) -> None:
    spool = Spool()
    one = listing(1, 2, 3, spool=spool)
    wanted(one, 1, 2)
    with pytest.raises((WireError, BadSignature)):
        take(one, *messages)
    one.pause()
    assert spool.open_writers == 0


@pytest.mark.parametrize(
    "messages",
    [
        [TWO, listed(1), listed(1)],
        [ONE, listed(1), listed(2)],
        [ONE, listed(1, size=MAX_INSTANCE_SIZE + 1)],
        [TWO, listed(1), ListEnd(count=2, code="")],
        [TWO, listed(1), lost(1)],
        [TWO, lost(1), listed(1)],
    ],
    ids=["twice", "more than announced", "too large", "counted wrong", "listed, then lost", "lost, then listed"],
)
def test_a_list_that_breaks_a_rule_is_refused(messages: list[Any]) -> None:
    with pytest.raises(WireError):
        take(receiver(mode=Mode.LISTED), *messages)


any_message = st.one_of(*(valid(kind) for kind in MESSAGES.values() if kind is not Hello))
likely = st.sampled_from(
    [
        *(ONE, TWO, head(1), head(2), chunk(), *chunks_of(DATA, 4), lost(1), lost(2), listed(1), listed(2)),
        *(ListEnd(count=2, code=""), signed([TWO, head(1), chunk(), head(2), chunk()])),
    ]
)


@given(st.lists(likely | any_message, max_size=20), st.sampled_from(list(Mode)))
def test_any_messages_keep_the_promises_or_are_refused(messages: list[Any], mode: Mode) -> None:
    spool = Spool()
    one, events = receiver(spool=spool, mode=mode), list[Any]()
    wanted(one, 1, 2)
    try:
        for message in messages:
            events += one.receive(message, getattr(message, "data", b""))
    except IdasError:
        one.pause()
    instances = [event for event in events if isinstance(event, Instance)]
    assert {event.sop_instance_uid for event in instances} == set(spool.kept)
    assert len(instances) == len(spool.kept)
    assert all(digest_of(event.data.read()) == digest_of(DATA) for event in instances if event.data.size)
    assert not one.is_over or spool.open_writers == 0
