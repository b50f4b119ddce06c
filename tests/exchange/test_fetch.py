"""Retrievals over real ends: from one holder, cut and taken up again; from several, of which some fail in each way."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idas_p2p.errors import (
    ArchiveFailed,
    BadQuery,
    DigestMismatch,
    HandshakeFailed,
    LocalError,
    MalformedInstance,
    PeerUnreachable,
    RemoteError,
    SpoolFull,
    StudyNotFound,
    TicketRefused,
)
from idas_p2p.exchange.fetch import MAX_HOLDERS
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.wire.fetching import MAX_INSTANCES, MAX_SERIES, Chunk, Mode
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection, Total
from tests.exchange.ends import Spool, Watcher, instance, turns
from tests.exchange.holders import Node, bytes_of, collect, fetched, lying_about, make_fetch, region

STUDY = [instance(number, b"data set %d " % number * 50, series=f"1.2.{number % 2}") for number in range(6)]
WHOLE = bytes_of(STUDY)
NOISE = random.Random(1).randbytes(3 * CHUNK_SIZE + 100)
LARGE = instance(9, NOISE)


def holder(number: int = 1, events: list[object] | None = None, **more: object) -> Node:
    return Node(number, [Total(6), *STUDY] if events is None else events, **more)  # type: ignore[arg-type]


# -- one holder


async def test_a_study_arrives_byte_for_byte() -> None:
    watcher, node = Watcher(), holder()
    events, fetch = await fetched(node, watcher=watcher)
    assert events[0] == Total(6)
    assert bytes_of(events) == WHOLE
    assert fetch.is_complete
    assert (node.modes, len(watcher.channels)) == ([Mode.ALL], 1)
    assert [node_id for node_id, _ in watcher.evidence] == [node.node_id]


async def test_a_selection_is_passed_on_and_kept_to() -> None:
    one = Selection(study_uid="1.2", sop_instance_uids=(STUDY[3].sop_instance_uid,))
    events, _ = await fetched(holder(), selection=one)
    assert bytes_of(events) == bytes_of([STUDY[3]])


@given(cut=st.integers(0, 20))
async def test_a_fetch_cut_anywhere_goes_on_without_loss_or_repetition(cut: int) -> None:
    watcher, spool = Watcher(), Spool()
    events, fetch = await fetched(holder(dies_after=cut), watcher=watcher, spool=spool)
    assert bytes_of(events) == WHOLE
    assert (fetch.is_complete, spool.open_writers) == (True, 0)
    assert watcher.interruptions == (cut < 14)


@pytest.mark.parametrize("chunks", [0, 1, 2, 3])
async def test_a_cut_inside_an_instance_costs_one_chunk_at_most(chunks: int) -> None:
    sent = 0

    def count(message: object) -> object:
        nonlocal sent
        sent += len(message.data) if isinstance(message, Chunk) else 0
        return message

    events, _ = await fetched(holder(events=[Total(1), LARGE], dies_after=2 + chunks, change=count))
    assert bytes_of(events) == bytes_of([LARGE])
    assert sent <= len(NOISE) + CHUNK_SIZE


async def test_after_a_restart_what_the_spool_kept_comes_first_and_is_not_sent_again() -> None:
    spool = Spool()
    await fetched(holder(), spool=spool)
    sent = list[str]()
    node = holder(change=lambda message: sent.append(type(message).__name__) or message)
    events, fetch = await fetched(node, spool=spool)
    assert bytes_of(events) == WHOLE
    assert fetch.is_complete
    assert "InstanceHead" not in sent
    assert node.modes == [Mode.LISTED]
    assert set(node.studies.taken) <= set(WHOLE)


async def test_after_a_restart_a_beginning_goes_on_at_another_holder() -> None:
    spool = Spool()
    first = holder(events=[Total(1), LARGE], dies_after=4, returns=False)
    with pytest.raises(AssertionError):
        assert bytes_of((await fetched(first, spool=spool))[0])
    assert [one.kept for one in spool.partial()] == [2 * CHUNK_SIZE]
    sent = list[int]()
    second = holder(2, [Total(1), LARGE], change=lambda m: sent.append(getattr(m, "start", -1)) or m)
    events, _ = await fetched(second, spool=spool)
    assert bytes_of(events) == bytes_of([LARGE])
    assert max(sent) == 2 * CHUNK_SIZE


async def test_what_the_spool_kept_of_another_copy_is_thrown_away() -> None:
    spool = Spool()
    await fetched(holder(events=[Total(1), replace(STUDY[0], data=LARGE.data)]), spool=spool)
    events, fetch = await fetched(holder(2), spool=spool)
    assert bytes_of(events) == WHOLE
    assert fetch.is_complete


async def test_an_instance_that_cannot_be_had_is_said_at_the_end() -> None:
    lost = InstanceFailed(sop_instance_uid=STUDY[0].sop_instance_uid, reason=RemoteError())
    events, fetch = await fetched(holder(events=[Total(6), lost, *STUDY[1:]]))
    assert bytes_of(events) == bytes_of(STUDY[1:])
    assert [one.sop_instance_uid for one in fetch.failures] == [lost.sop_instance_uid]
    assert (fetch.was_whole, fetch.is_complete) == (True, False)


@pytest.mark.parametrize("mode", list(Mode))
async def test_wrong_bytes_of_the_only_holder_fail_and_the_others_come(mode: Mode) -> None:
    spool = Spool()
    if mode is Mode.LISTED:
        await fetched(holder(events=[Total(1), STUDY[0]]), spool=spool)
    events, fetch = await fetched(holder(change=lying_about(STUDY[4].sop_instance_uid)), spool=spool)
    assert bytes_of(events) == {uid: data for uid, data in WHOLE.items() if uid != STUDY[4].sop_instance_uid}
    (failed,) = fetch.failures
    assert (failed.sop_instance_uid, type(failed.reason)) == (STUDY[4].sop_instance_uid, DigestMismatch)


async def test_a_data_set_that_is_another_instance_is_not_believed_and_not_kept() -> None:
    spool = Spool()
    events, fetch = await fetched(
        holder(), spool=spool, is_true=lambda one: one is not None and "1.2.1." not in one.sop_instance_uid
    )
    assert sorted(bytes_of(events)) == sorted(uid for uid in WHOLE if "1.2.1." not in uid)
    assert {type(one.reason) for one in fetch.failures} == {MalformedInstance}
    assert sorted(spool.kept) == sorted(bytes_of(events))


@pytest.mark.parametrize("error", [TicketRefused(), StudyNotFound(), HandshakeFailed(), PeerUnreachable()])
async def test_a_holder_that_refuses_is_given_up_with_its_reason(error: Exception) -> None:
    watcher = Watcher()
    events, fetch = await fetched(holder(refuses=error), watcher=watcher)
    assert (events, [type(one) for one in fetch.errors]) == ([], [type(error)])
    assert not fetch.was_whole


async def test_the_holders_code_is_why_it_is_given_up() -> None:
    _, fetch = await fetched(holder(events=[Total(6), STUDY[0], ArchiveFailed()]))
    assert [type(one) for one in fetch.errors] == [ArchiveFailed]


async def test_a_holder_that_falls_silent_is_tried_again_and_given_up() -> None:
    async with region(holder(stalls_after=3)) as made:
        fetch = make_fetch(made, Spool(), silence_timeout=0.05)
        async with aclosing(fetch.events(made.holders())) as events:
            first = [await anext(events) for _ in range(2)]
    assert [type(event) for event in first] == [Total, Instance]


async def test_a_full_spool_ends_the_retrieval() -> None:
    with pytest.raises(SpoolFull):
        await fetched(holder(), spool=Spool(room=3))


@pytest.mark.parametrize(
    "selection",
    [
        Selection(study_uid="1.2", series_uids=("1",) * (MAX_SERIES + 1)),
        Selection(study_uid="1.2", sop_instance_uids=("1",) * (MAX_INSTANCES + 1)),
    ],
)
async def test_a_selection_that_no_request_can_carry_is_refused_here(selection: Selection) -> None:
    with pytest.raises(BadQuery, match="at most"):
        await fetched(holder(), selection=selection)


async def test_a_reader_that_leaves_closes_the_link_and_keeps_the_beginning() -> None:
    spool = Spool()
    node = holder(events=[Total(2), STUDY[0], LARGE], stalls_after=5)
    async with region(node) as made, aclosing(make_fetch(made, spool).events(made.holders())) as events:
        async for event in events:
            if isinstance(event, Instance):
                while not spool.written > CHUNK_SIZE:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                break
    assert spool.open_writers == 0
    assert [one.kept for one in spool.partial()] == [CHUNK_SIZE]


@pytest.mark.parametrize("count", [1, 2])
async def test_a_slow_reader_slows_the_holders(count: int) -> None:
    study = [Total(400), *(instance(number, NOISE[number:][:100_000]) for number in range(400))]
    spool = Spool()
    async with (
        region(*(holder(number, study) for number in range(1, count + 1))) as made,
        aclosing(make_fetch(made, spool).events(made.holders())) as events,
    ):
        async for event in events:
            if isinstance(event, Instance):
                break
        await turns(3_000)
        arrived = len(spool.kept)
        await turns(3_000)
        assert len(spool.kept) == arrived
        assert arrived < 200


# -- several holders


async def test_several_holders_give_each_instance_once() -> None:
    nodes, watcher, heads = [holder(number) for number in (1, 2, 3)], Watcher(), list[str]()
    events, fetch = await fetched(*nodes, watcher=watcher)
    assert bytes_of(events) == WHOLE
    assert (fetch.is_complete, fetch.errors, heads) == (True, [], [])
    assert sorted(node_id for node_id, _ in watcher.evidence) == sorted(node.node_id for node in nodes)


async def test_a_study_split_over_holders_is_united() -> None:
    events, fetch = await fetched(
        holder(1, [Total(3), *STUDY[:3]]), holder(2, [Total(2), *STUDY[3:5]]), holder(3, [Total(2), *STUDY[4:]])
    )
    assert bytes_of(events) == WHOLE
    assert fetch.is_complete
    assert [event.count for event in events if isinstance(event, Total)][-1] == 6


@pytest.mark.parametrize("returns", [True, False])
@pytest.mark.parametrize("after", [0, 1, 5, 9, 12])
async def test_a_holder_that_dies_costs_only_its_share(after: int, returns: bool) -> None:
    events, fetch = await fetched(holder(1, dies_after=after, returns=returns), holder(2))
    assert bytes_of(events) == WHOLE
    assert fetch.is_complete


@pytest.mark.parametrize("after", [0, 1, 5, 9, 12])
async def test_a_holder_that_stalls_costs_only_its_share(after: int) -> None:
    events, fetch = await fetched(holder(1, stalls_after=after), holder(2))
    assert bytes_of(events) == WHOLE
    assert fetch.is_complete


@pytest.mark.parametrize("liar", [1, 2])
async def test_a_holder_that_lies_costs_only_its_share(liar: int) -> None:
    def lie(message: object) -> object:
        return replace(message, coding=0, data=bytes(message.size)) if isinstance(message, Chunk) else message

    nodes = [holder(number, change=lie) if number == liar else holder(number) for number in (1, 2)]
    events, fetch = await fetched(*nodes)
    assert bytes_of(events) == WHOLE
    assert fetch.is_complete


async def test_a_holder_that_refuses_is_replaced() -> None:
    nodes = [holder(number, refuses=TicketRefused()) for number in range(1, MAX_HOLDERS + 2)]
    events, fetch = await fetched(*nodes, holder(99))
    assert bytes_of(events) == WHOLE
    assert len(fetch.errors) == MAX_HOLDERS + 1


@pytest.mark.parametrize("place", range(6))
async def test_of_two_copies_that_differ_one_is_taken_whole_and_the_other_reported(place: int) -> None:
    other = [*STUDY]
    other[place] = replace(STUDY[place], data=instance(0, b"another version").data)
    watcher = Watcher()
    events, fetch = await fetched(holder(1), holder(2, [Total(6), *other]), watcher=watcher)
    assert bytes_of(events) in (WHOLE, bytes_of(other))
    assert fetch.is_complete
    assert len(watcher.differing) == 1


async def test_of_a_copy_that_differs_nothing_is_united() -> None:
    other = [replace(STUDY[0], data=instance(0, b"another version").data), *STUDY[3:]]
    events, fetch = await fetched(holder(1, [Total(4), *STUDY[:4]]), holder(2, [Total(4), *other]))
    assert bytes_of(events) in (bytes_of(STUDY[:4]), bytes_of(other))
    assert fetch.is_complete


async def test_what_one_holder_cannot_read_comes_from_the_other() -> None:
    lost = InstanceFailed(sop_instance_uid=STUDY[0].sop_instance_uid, reason=RemoteError())
    events, fetch = await fetched(holder(1, [Total(6), lost, *STUDY[1:]]), holder(2, [Total(6), *STUDY]))
    assert bytes_of(events) == WHOLE
    assert fetch.is_complete


async def test_a_list_that_broke_off_is_completed_by_the_other_holder() -> None:
    events, fetch = await fetched(holder(1, [Total(6), *STUDY[:2], ArchiveFailed()]), holder(2))
    assert bytes_of(events) == WHOLE
    assert fetch.is_complete


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from(["honest", "dies", "gone", "stalls"]), min_size=1, max_size=3),
    st.lists(st.integers(0, 14), min_size=3, max_size=3),
)
async def test_while_one_honest_holder_lives_everything_comes_once(kinds: list[str], after: list[int]) -> None:
    failing = {
        "honest": lambda _: {},
        "dies": lambda count: {"dies_after": count},
        "gone": lambda count: {"dies_after": count, "returns": False},
        "stalls": lambda count: {"stalls_after": count},
    }
    nodes = [holder(number + 1, **failing[kind](after[number])) for number, kind in enumerate(kinds)]
    events, fetch = await fetched(*nodes, holder(9))
    assert bytes_of(events) == WHOLE
    assert fetch.is_complete


async def test_a_bug_on_one_link_costs_one_holder() -> None:
    class Faulty:
        """Knows no round trip, and not even that it knows none."""

        def __init__(self, channel: object) -> None:
            self._channel = channel

        def __getattr__(self, name: str) -> object:
            if name == "round_trip":
                raise ValueError(name)
            return getattr(self._channel, name)

    async with region(holder(1), holder(2)) as made:
        fetch = make_fetch(made, Spool())
        good, faulty = made.dial, made.nodes[0].node_id

        async def dial(node_id: object) -> object:
            channel = await good(node_id)  # type: ignore[arg-type]
            return Faulty(channel) if node_id == faulty else channel

        fetch._dial = dial  # type: ignore[assignment]
        events = await collect(fetch, made.holders())
    assert bytes_of(events) == WHOLE
    assert [type(error) for error in fetch.errors] == [LocalError]


async def test_a_retrieval_that_loses_count_of_what_it_wants_ends_and_names_what_is_missing() -> None:
    nodes = holder(1), holder(2)
    async with region(*nodes) as made:
        fetch = make_fetch(made, Spool())
        fetch._gathering.shares.wants = lambda *_args, **_more: []  # type: ignore[method-assign]  # a mistake of ours
        async with asyncio.timeout(30):
            events = await collect(fetch, made.holders())
    assert bytes_of(events) == {}
    assert {failure.sop_instance_uid for failure in fetch.failures} == set(WHOLE)
    assert not fetch.is_complete
