"""A fetch between two real ends, cut and taken up again, and one with a holder that speaks as the test tells it."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import BadQuery, ChannelClosed, PeerUnreachable, RemoteError, TicketRefused, WireError
from idas_p2p.exchange.fetch import FetchState, fetch
from idas_p2p.exchange.send import send_study
from idas_p2p.transport.memory import MemoryChannel
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.messages import (
    MAX_INSTANCES,
    MAX_SERIES,
    Chunk,
    FetchEnd,
    FetchRequest,
    FetchStart,
    InstanceHead,
    decode_message,
)
from tests.exchange.ends import ASKER, EVERYTHING, TICKET, Scripted, Spool, Studies, image_pair, instance, no_layout

STUDY = [instance(number, b"data set %d " % number * 50, series=f"1.2.{number % 2}") for number in range(6)]


async def serve(holder: MemoryChannel, events: list[Any]) -> None:
    """Answer one fetch as a real holder does."""
    request = decode_message(await holder.receive())
    assert isinstance(request, FetchRequest)
    await send_study(
        holder, request, requester=ASKER, source=Studies(events), still_allowed=lambda: True, layout_of=no_layout
    )


async def collect(
    asking: MemoryChannel, spool: Spool, state: FetchState, selection: Selection = EVERYTHING, **options: Any
) -> list[RetrieveEvent]:
    events = list[RetrieveEvent]()
    async with (
        asyncio.timeout(10),
        aclosing(fetch(asking, selection, TICKET, "dr.a", spool, state, **options)) as source,
    ):  # type: ignore[type-var]
        async for event in source:
            events.append(event)
    return events


async def fetched(events: list[Any], spool: Spool, state: FetchState) -> list[RetrieveEvent]:
    asking, holder = image_pair()
    received, _ = await asyncio.gather(collect(asking, spool, state), serve(holder, events))
    return received


def bytes_of(events: list[RetrieveEvent]) -> dict[str, bytes]:
    return {event.sop_instance_uid: event.data.read() for event in events if isinstance(event, Instance)}


async def test_a_study_arrives_byte_for_byte() -> None:
    state = FetchState()
    events = await fetched([Total(6), *STUDY], Spool(), state)
    assert events[0] == Total(6)
    assert bytes_of(events) == bytes_of(list(STUDY))
    assert state.total == 6


async def test_a_selection_is_passed_on_and_kept_to() -> None:
    asking, holder = image_pair()
    one = Selection(study_uid="1.2", sop_instance_uids=(STUDY[3].sop_instance_uid,))
    events, _ = await asyncio.gather(collect(asking, Spool(), FetchState(), one), serve(holder, [Total(6), *STUDY]))
    assert bytes_of(events) == bytes_of([STUDY[3]])


@given(cut=st.integers(0, 14))
async def test_a_fetch_cut_anywhere_is_taken_up_again_without_loss_or_repetition(cut: int) -> None:
    spool, state, events = Spool(), FetchState(), list[RetrieveEvent]()
    asking, holder = image_pair()
    serving = asyncio.gather(serve(holder, [Total(6), *STUDY]), return_exceptions=True)

    async def cut_off() -> None:
        while asking.messages_received < cut and not serving.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        await holder.close()
        await asking.close()

    cutting = asyncio.gather(cut_off())
    try:
        async with aclosing(fetch(asking, EVERYTHING, TICKET, "dr.a", spool, state)) as source:  # type: ignore[type-var]
            async for event in source:
                events.append(event)
    except ChannelClosed:
        pass
    await asyncio.gather(serving, cutting)
    arrived = len(spool.kept)
    again, holder = image_pair()
    more, _ = await asyncio.gather(collect(again, spool, state), serve(holder, [Total(6), *STUDY]))
    uids = [event.sop_instance_uid for event in [*events, *more] if isinstance(event, Instance)]
    assert sorted(uids) == sorted(one.sop_instance_uid for one in STUDY)
    assert again.messages_received == 2 + 2 * (6 - arrived)
    assert spool.open_writers == 0


async def test_after_a_restart_what_the_spool_kept_comes_first_and_is_not_sent_again() -> None:
    spool = Spool()
    await fetched([Total(6), *STUDY], spool, FetchState())
    asking, holder = image_pair()
    events, _ = await asyncio.gather(collect(asking, spool, FetchState()), serve(holder, [Total(6), *STUDY]))
    assert bytes_of(events) == bytes_of(list(STUDY))
    assert asking.messages_received == 2


async def test_a_failed_instance_comes_from_the_next_holder() -> None:
    spool, state = Spool(), FetchState()
    lost = InstanceFailed(sop_instance_uid=STUDY[0].sop_instance_uid, reason=RemoteError())
    first = await fetched([Total(6), lost, *STUDY[1:]], spool, state)
    assert [event.sop_instance_uid for event in first if isinstance(event, InstanceFailed)] == [lost.sop_instance_uid]
    second = await fetched([Total(6), *STUDY], spool, state)
    assert bytes_of(second) == bytes_of([STUDY[0]])


# -- hostile holders


async def told(*messages: Any, spool: Spool | None = None, close: bool = True, **options: Any) -> list[RetrieveEvent]:
    """What a fetch makes of a holder that says this and hangs up."""
    asking, holder = image_pair()
    spool = spool or Spool()
    script = Scripted(holder)
    await script.say(*messages)

    async def hang_up() -> None:
        assert isinstance(await script.hear(), FetchRequest)
        if close:
            await holder.close()

    hanging = asyncio.gather(hang_up())
    try:
        return await collect(asking, spool, FetchState(), **options)
    finally:
        await hanging
        assert spool.open_writers == 0
        with pytest.raises(ChannelClosed):
            await asking.receive()


def head(number: int, data: bytes) -> InstanceHead:
    digest = hashlib.blake2b(data, digest_size=32).digest()
    return InstanceHead(
        series_uid="1.2.1",
        sop_class_uid="1.2.3",
        sop_instance_uid=f"1.2.1.{number}",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=len(data),
        digest=digest,
    )


async def test_a_refusal_is_that_error() -> None:
    with pytest.raises(TicketRefused):
        await told(FetchEnd(code=TicketRefused.code))


async def test_an_end_without_anything_is_no_success() -> None:
    with pytest.raises(WireError, match="before all"):
        await told(FetchEnd(code=""))


@pytest.mark.parametrize("message", [b"", b"\xff", b"\x22garbage", b"FetchStart"])
async def test_bytes_that_are_no_message_end_the_fetch(message: bytes) -> None:
    with pytest.raises(WireError):
        await told(message)


async def test_a_bomb_ends_the_fetch_and_leaves_nothing_behind() -> None:
    import zstandard

    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 26))
    spool = Spool()
    with pytest.raises(WireError):
        await told(FetchStart(total=1), head(1, bytes(100)), Chunk(coding=1, size=100, data=bomb), spool=spool)
    assert spool.kept == {}


async def test_a_link_cut_inside_an_instance_keeps_the_whole_ones_only() -> None:
    spool = Spool()
    with pytest.raises(ChannelClosed):
        await told(
            FetchStart(total=2),
            head(1, b"whole"),
            Chunk(coding=0, size=5, data=b"whole"),
            head(2, b"cut"),
            Chunk(coding=0, size=2, data=b"cu"),
            spool=spool,
        )
    assert list(spool.kept) == ["1.2.1.1"]


async def test_a_holder_that_falls_silent_is_given_up() -> None:
    with pytest.raises(PeerUnreachable, match="silent"):
        await told(FetchStart(total=1), close=False, silence_timeout=0.0)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(study_uid="1.2", series_uids=("1",) * (MAX_SERIES + 1)),
        Selection(study_uid="1.2", sop_instance_uids=("1",) * (MAX_INSTANCES + 1)),
    ],
)
async def test_a_selection_that_no_request_can_carry_is_refused_here(selection: Selection) -> None:
    asking, _ = image_pair()
    with pytest.raises(BadQuery, match="at most"):
        await collect(asking, Spool(), FetchState(), selection)


async def test_a_reader_that_leaves_closes_the_link_and_the_unfinished_instance() -> None:
    asking, holder = image_pair()
    spool, script = Spool(), Scripted(holder)
    await script.say(FetchStart(total=2), head(1, b"whole"), Chunk(coding=0, size=5, data=b"whole"), head(2, b"cut"))
    async with aclosing(fetch(asking, EVERYTHING, TICKET, "dr.a", spool, FetchState())) as source:  # type: ignore[type-var]
        async for event in source:
            if isinstance(event, Instance):
                break
    assert spool.open_writers == 0
    await script.hear()
    with pytest.raises(ChannelClosed):
        await holder.receive()
