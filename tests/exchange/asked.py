"""A control link that a scripted peer asks, and what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from idas_p2p.errors import (
    ChannelClosed,
)
from idas_p2p.exchange.answer import (
    ControlServer,
)
from idas_p2p.transport.memory import make_pair
from idas_p2p.wire.messages import (
    FindRequest,
    Hello,
    Hits,
    RequestEnd,
)
from idas_p2p.wire.query import StudyQuery
from tests.exchange.ends import CURRENT, Answer, Catalog, Roster, Scripted, some_hits

HELLO = Hello(version=4, epoch=7, state=b"")


def ask(number: int = 1, *, limit: int = 100, user: str = "dr.a") -> FindRequest:
    return FindRequest(number=number, user=user, query=StudyQuery(), limit=limit)


@asynccontextmanager
async def server(
    *,
    answer: Answer = some_hits,
    roster: Roster | None = None,
    psk_id: bytes = CURRENT,
    greet: bool = True,
    **options: Any,
) -> AsyncIterator[tuple[Scripted, asyncio.Future[list[Any]], Catalog]]:
    """A scripted peer, the serving of its link, and the catalog it asks."""
    roster, catalog = roster or Roster(), Catalog(answer)
    asking, answering = make_pair(psk_id=psk_id)
    one = ControlServer(answering, membership=roster, source=catalog, requester_of=roster.requester_of, **options)
    serving = asyncio.gather(one.serve(), return_exceptions=True)
    peer = Scripted(asking)
    async with asyncio.timeout(60):
        if greet:
            await peer.say(HELLO)
            assert await peer.hear() == Hello(version=4, epoch=roster.epoch, state=roster.state)
        yield peer, serving, catalog
        await asking.close()
        await serving


async def ended_by(serving: asyncio.Future[list[Any]], peer: Scripted) -> BaseException:
    """Why the server hung up."""
    (error,) = await serving
    with suppress(ChannelClosed):
        while True:
            await peer.channel.receive()
    assert isinstance(error, BaseException)
    return error


async def answer_to(peer: Scripted, request: FindRequest) -> tuple[list[str], str]:
    """Study UIDs and code of one answer."""
    await peer.say(request)
    uids = list[str]()
    while not isinstance(message := await peer.hear(), RequestEnd):
        assert isinstance(message, Hits)
        assert message.number == request.number
        uids += [one.study.study_uid for one in message.hits]
    assert message.number == request.number
    return uids, message.code
