"""The requester's end of one image link, with a holder that speaks as the test tells it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
import zstandard

from idas_p2p.errors import BadQuery, BadSignature, ChannelClosed, PeerUnreachable, TicketRefused, WireError
from idas_p2p.exchange.link import FetchLink, Question
from idas_p2p.wire.fetching import (
    MAX_INSTANCES,
    MAX_WANTED,
    Chunk,
    Done,
    FetchEnd,
    FetchRequest,
    FetchStart,
    InstanceHead,
    InstanceListed,
    ListEnd,
    Mode,
    Priority,
    Taken,
    Want,
    Wanted,
)
from idas_p2p.wire.instance import Instance, Selection, Total
from tests.exchange.ends import EVERYTHING, ONE, TICKET, Scripted, Spool, chunks_of, digest_of, image_pair, signed

WHOLE, CUT = b"whole", b"cut short"


def head(number: int, data: bytes) -> InstanceHead:
    return InstanceHead(
        series_uid="1.2.1",
        sop_class_uid="1.2.3",
        sop_instance_uid=f"1.2.1.{number}",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=len(data),
        digest=digest_of(data),
    )


class Ends:
    """A link and the holder's end of it."""

    def __init__(self, *, mode: Mode = Mode.ALL, spool: Spool | None = None, **options: Any) -> None:
        self.asking, holder = image_pair()
        self.holder, self.spool = Scripted(holder), spool or Spool()
        question = Question(requester=ONE, user="dr.a", selection=EVERYTHING, priority=Priority.HIGH)
        self.link = FetchLink(self.asking, question, TICKET, mode, self.spool, **options)

    async def told(self, *messages: Any, close: bool = True) -> list[Any]:
        """What the link makes of a holder that says this and hangs up."""
        await self.holder.say(*messages)

        async def hang_up() -> None:
            assert isinstance(await self.holder.hear(), FetchRequest)
            if close:
                await self.holder.channel.close()

        hanging, events = asyncio.gather(hang_up()), list[Any]()
        try:
            async with asyncio.timeout(60), aclosing(self.link.events()) as received:
                async for _, some in received:
                    events += some
        finally:
            await hanging
            assert self.spool.open_writers == 0
            with pytest.raises(ChannelClosed):
                await self.asking.receive()
        return events


async def test_the_request_says_what_is_asked() -> None:
    ends = Ends(mode=Mode.LISTED)
    reading = asyncio.gather(anext(ends.link.events()), return_exceptions=True)
    request = await ends.holder.hear()
    assert (request.user, request.study_uid, request.mode, request.priority) == ("dr.a", "1.2", 1, 2)
    await ends.holder.channel.close()
    await reading


async def test_a_whole_study_comes_with_the_holders_signature() -> None:
    ends, said = Ends(), [FetchStart(total=1), head(1, WHOLE), *chunks_of(WHOLE)]
    total, listed, instance = await ends.told(*said, signed(said))
    assert (total, type(listed), type(instance)) == (Total(1), InstanceListed, Instance)
    assert ends.link.evidence is not None


async def test_wants_takings_and_the_end_are_said_in_messages_that_are_not_too_large() -> None:
    ends = Ends(mode=Mode.LISTED)
    await ends.link.want([Wanted(sop_instance_uid="1.2", start=0)] * (MAX_WANTED + 1))
    await ends.link.taken(["1.2"] * (MAX_WANTED + 1))
    await ends.link.done()
    await ends.link.done()
    await ends.link.close()
    said = [await ends.holder.hear() for _ in range(5)]
    assert [type(one) for one in said] == [Want, Want, Taken, Taken, Done]
    with pytest.raises(ChannelClosed):
        await ends.holder.hear()


async def test_a_listed_study_ends_when_it_is_done() -> None:
    ends, said = Ends(mode=Mode.LISTED), [FetchStart(total=0), ListEnd(count=0, code="")]
    await ends.link.done()
    await ends.holder.say(*said, signed(said))
    async with aclosing(ends.link.events()) as received:
        events = [event async for _, some in received for event in some]
    assert events == [Total(0), ListEnd(count=0, code="")]


async def test_a_refusal_is_that_error() -> None:
    with pytest.raises(TicketRefused):
        await Ends().told(FetchEnd(code=TicketRefused.code))


async def test_an_end_without_anything_is_no_success() -> None:
    with pytest.raises(WireError, match="before all"):
        await Ends().told(signed([]))


async def test_an_end_without_a_signature_is_no_success() -> None:
    ends = Ends()
    with pytest.raises(BadSignature):
        await ends.told(FetchStart(total=1), head(1, WHOLE), *chunks_of(WHOLE), FetchEnd(code=""))
    assert list(ends.spool.kept) == ["1.2.1.1"]


@pytest.mark.parametrize("message", [b"", b"\xff", b"\x22garbage", b"FetchStart"])
async def test_bytes_that_are_no_message_end_the_fetch(message: bytes) -> None:
    with pytest.raises(WireError):
        await Ends().told(message)


async def test_a_bomb_ends_the_fetch_and_leaves_nothing_behind() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 26))
    ends = Ends()
    with pytest.raises(WireError):
        await ends.told(FetchStart(total=1), head(1, bytes(100)), Chunk(coding=1, size=100, data=bomb))
    assert ends.spool.kept == {}


async def test_a_link_cut_inside_an_instance_keeps_the_whole_ones_and_the_beginning() -> None:
    ends = Ends()
    with pytest.raises(ChannelClosed):
        await ends.told(FetchStart(total=2), head(1, WHOLE), *chunks_of(WHOLE), head(2, CUT), chunks_of(CUT, 4)[0])
    assert list(ends.spool.kept) == ["1.2.1.1"]
    assert [(one.sop_instance_uid, one.kept) for one in ends.spool.partial()] == [("1.2.1.2", 4)]


async def test_a_holder_that_falls_silent_is_given_up() -> None:
    with pytest.raises(PeerUnreachable, match="silent"):
        await Ends(silence_timeout=0.0).told(FetchStart(total=1), close=False)


def test_a_selection_that_no_request_can_carry_is_refused_here() -> None:
    many = Selection(study_uid="1.2", sop_instance_uids=("1",) * (MAX_INSTANCES + 1))
    with pytest.raises(BadQuery, match="at most"):
        Question(requester=ONE, user="", selection=many).request(TICKET, Mode.ALL)
