"""The holder's side of a listed fetch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from idas_p2p.errors import AccessDenied, ArchiveFailed, ChannelClosed, StudyNotFound, WireError
from idas_p2p.exchange.listing import MAX_OUTSTANDING
from idas_p2p.exchange.send import send_study
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.wire.fetching import (
    Chunk,
    Done,
    FetchEnd,
    FetchStart,
    InstanceHead,
    InstanceListed,
    InstanceLost,
    ListEnd,
    Mode,
    Taken,
    Want,
    Wanted,
)
from idas_p2p.wire.instance import InstanceFailed, RetrieveEvent, Total
from idas_p2p.wire.messages import Ping
from tests.exchange.ends import (
    ASKER,
    HOLDER,
    Scripted,
    Studies,
    digest_of,
    fetch_request,
    image_pair,
    instance,
    no_layout,
    signed,
)

STUDY = [Total(3), *(instance(number, b"data set %d" % number) for number in (1, 2, 3))]
LARGE = bytes(3 * CHUNK_SIZE)


def want(*numbers: int, start: int = 0) -> Want:
    return Want(instances=tuple(Wanted(sop_instance_uid=f"1.2.1.{number}", start=start) for number in numbers))


class Asker(Scripted):
    """A requester that remembers what it heard."""

    def __init__(self, channel: Any, studies: Studies) -> None:
        super().__init__(channel)
        self.studies, self.heard = studies, list[Any]()

    async def hear_until(self, kind: type[Any], *, times: int = 1) -> list[Any]:
        """Hear until so many messages of a kind came; return all since the last call."""
        new = list[Any]()
        while sum(isinstance(one, kind) for one in new) < times:
            new.append(await self.hear())
        self.heard += new
        return new

    async def end(self) -> FetchEnd:
        await self.say(Done())
        return (await self.hear_until(FetchEnd))[-1]


@asynccontextmanager
async def listed(events: Sequence[RetrieveEvent | Exception] = STUDY, **options: Any) -> AsyncIterator[Asker]:
    """A listed fetch of these."""
    asking, holder = image_pair()
    asker = Asker(asking, Studies(events))
    sending = asyncio.gather(
        send_study(
            holder,
            fetch_request(mode=Mode.LISTED),
            identity=HOLDER,
            requester=ASKER,
            source=asker.studies,
            still_allowed=options.pop("still_allowed", lambda: True),
            layout_of=no_layout,
            **options,
        ),
        return_exceptions=True,
    )
    try:
        async with asyncio.timeout(60):
            yield asker
    finally:
        await asking.close()
        await sending


async def test_everything_is_listed_and_nothing_sent_before_it_is_wanted() -> None:
    async with listed() as asker:
        start, *names, end = await asker.hear_until(ListEnd)
        assert (start, end) == (FetchStart(total=3), ListEnd(count=3, code=""))
        assert [(one.sop_instance_uid, one.digest) for one in names if isinstance(one, InstanceListed)] == [
            (f"1.2.1.{number}", digest_of(b"data set %d" % number)) for number in (1, 2, 3)
        ]
        assert await asker.end() == signed(asker.heard)


async def test_what_is_wanted_comes_in_that_order_from_its_start_on() -> None:
    async with listed() as asker:
        await asker.hear_until(ListEnd)
        await asker.say(want(3, 1), want(2, start=5))
        heads = [one for one in await asker.hear_until(Chunk, times=3) if isinstance(one, InstanceHead)]
        assert [(head.sop_instance_uid[-1], head.start) for head in heads] == [("3", 0), ("1", 0), ("2", 5)]
        assert asker.heard[-1].data == b"set 2"
        assert asker.heard[-1].digest == digest_of(b"data set 2")[:16]
        assert await asker.end() == signed(asker.heard)


async def test_an_end_comes_also_inside_an_instance_and_is_signed() -> None:
    async with listed([Total(1), instance(1, LARGE)]) as asker:
        await asker.hear_until(ListEnd)
        await asker.say(want(*[1] * 50), Done())
        *said, end = await asker.hear_until(FetchEnd)
        assert sum(isinstance(one, Chunk) for one in said) < 150
        assert end == signed(asker.heard[:-1])


async def test_what_the_requester_has_may_be_let_go() -> None:
    async with listed() as asker:
        await asker.hear_until(ListEnd)
        await asker.say(Taken(sop_instance_uids=("1.2.1.1", "1.2.1.3", "9.9")))
        await asker.end()
        assert asker.studies.taken == ["1.2.1.1", "1.2.1.3"]


async def test_a_list_that_the_archive_broke_off_says_so_and_what_was_listed_can_be_had() -> None:
    async with listed([*STUDY[:2], ArchiveFailed()]) as asker:
        assert (await asker.hear_until(ListEnd))[-1] == ListEnd(count=1, code=ArchiveFailed.code)
        await asker.say(want(1))
        await asker.hear_until(Chunk)
        assert (await asker.end()).code == ""


async def test_an_archive_that_gives_nothing_ends_the_fetch() -> None:
    async with listed([StudyNotFound()]) as asker:
        assert (await asker.hear_until(FetchEnd))[-1].code == StudyNotFound.code


async def test_an_instance_that_cannot_be_read_is_lost_in_the_list() -> None:
    failed = InstanceFailed(sop_instance_uid="1.2.1.1", reason=ArchiveFailed())
    async with listed([Total(2), failed, STUDY[2]]) as asker:
        said = await asker.hear_until(ListEnd)
        assert [type(one) for one in said] == [FetchStart, InstanceLost, InstanceListed, ListEnd]


async def test_an_instance_that_is_gone_when_it_is_wanted_is_lost() -> None:
    async with listed() as asker:
        await asker.hear_until(ListEnd)
        asker.studies.events = STUDY[:2]
        await asker.say(want(3))
        assert (await asker.hear_until(InstanceLost))[-1].code == ArchiveFailed.code


@pytest.mark.parametrize(
    "message",
    [
        want(9),
        Ping(number=1),
        b"\xff",
        FetchStart(total=1),
        *([[want(*[1] * 256)] * (MAX_OUTSTANDING // 256 + 60)]),
    ],
    ids=["not listed", "of a control link", "no message", "a holder's", "too much"],
)
async def test_a_requester_that_breaks_the_protocol_is_told_so(message: Any) -> None:
    async with listed([Total(1), instance(1, LARGE)]) as asker:
        await asker.hear_until(ListEnd)
        await asker.say(*(message if isinstance(message, list) else [message]))
        assert (await asker.hear_until(FetchEnd))[-1].code == WireError.code


async def test_a_grant_that_ends_stops_the_list() -> None:
    left = iter([True] * 2)
    async with listed(still_allowed=lambda: next(left, False)) as asker:
        assert (await asker.hear_until(FetchEnd))[-1].code == AccessDenied.code


async def test_a_requester_that_says_nothing_for_too_long_is_given_up() -> None:
    async with listed(patience=0.05) as asker:
        assert (await asker.hear_until(FetchEnd))[-1].code == ChannelClosed.code


async def test_a_requester_that_goes_away_ends_it() -> None:
    async with listed() as asker:
        await asker.hear()
    assert asker.studies.closed
