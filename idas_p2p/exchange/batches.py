"""Studies, series and images on their way to another node: few messages of a bounded size, the first at once.

Belongs here: batching. Not here: whose question it is (answer.py), what is told (PartSource).
Source: docs/spec/exchange.md sections 3 and 8.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

from idas_p2p.access.subjects import Requester
from idas_p2p.exchange.interfaces import FindSource, PartSource
from idas_p2p.limits import MAX_HITS
from idas_p2p.wire.messages import FindRequest, Hit, Hits
from idas_p2p.wire.parts import Part, PartQuery, Parts, PartsRequest, StudyPart

MAX_PARTS: Final = 50_000  # series or instances in one answer; protocol
HITS_IN_MESSAGE: Final = 16  # of at most 50 kB each, so that any 16 fit into a message; ours, protocol allows 64
MAX_IN_MESSAGE: Final = 64  # protocol
MAX_TEXT_IN_MESSAGE: Final = 131_072  # characters; ours: at four bytes each well below a message, the study included
EAGER_SECONDS: Final = 0.02  # since the last message; what comes later than this is sent as it comes; ours


class NoParts:
    """A node that knows of no parts."""

    async def find_parts(self, requester: Requester, query: PartQuery, *, limit: int) -> AsyncIterator[StudyPart]:
        """Nothing."""
        for one in list[StudyPart]():
            yield one


NO_PARTS: Final[PartSource] = NoParts()


def found_for(
    request: FindRequest | PartsRequest, requester: Requester, source: FindSource, parts: PartSource
) -> AsyncGenerator[Hits | Parts, None]:
    """The messages that answer a query of a member, but for its end."""
    if isinstance(request, FindRequest):
        limit = min(request.limit, MAX_HITS)
        return hit_batches(request.number, source.find(requester, request.query, limit=limit))
    limit = min(request.limit, MAX_PARTS)
    return part_batches(request.number, parts.find_parts(requester, request.query, limit=limit))


async def hit_batches(number: int, hits: AsyncIterator[Hit]) -> AsyncGenerator[Hits, None]:
    """Yield messages with the hits in order."""
    now, waiting = asyncio.get_running_loop().time, list[Hit]()
    sent_at = now() - EAGER_SECONDS  # so that the first hit goes at once
    async with aclosing(hits) as found:  # type: ignore[type-var]
        async for hit in found:
            waiting.append(hit)
            if len(waiting) >= HITS_IN_MESSAGE or now() - sent_at >= EAGER_SECONDS:
                yield Hits(number=number, hits=tuple(waiting))
                waiting, sent_at = [], now()
    if waiting:
        yield Hits(number=number, hits=tuple(waiting))


async def part_batches(number: int, parts: AsyncIterator[StudyPart]) -> AsyncGenerator[Parts, None]:
    """Yield messages with the parts in order, each of one study."""
    now = asyncio.get_running_loop().time
    sent_at, waiting, size = now() - EAGER_SECONDS, list[StudyPart](), 0
    async with aclosing(parts) as found:  # type: ignore[type-var]
        async for one in found:
            if waiting and waiting[0].study is not one.study:
                yield _message(number, waiting)
                waiting, size, sent_at = [], 0, now()
            waiting.append(one)
            size += _size(one.part)
            is_full = len(waiting) >= MAX_IN_MESSAGE or size >= MAX_TEXT_IN_MESSAGE
            if is_full or now() - sent_at >= EAGER_SECONDS:
                yield _message(number, waiting)
                waiting, size, sent_at = [], 0, now()
    if waiting:
        yield _message(number, waiting)


def _message(number: int, waiting: list[StudyPart]) -> Parts:
    return Parts(number=number, study=waiting[0].study, parts=tuple(one.part for one in waiting))


def _size(part: Part) -> int:
    return sum(len(one.keyword) + len(one.text) for one in part.attributes)
