from __future__ import annotations

import asyncio
from itertools import count

import pytest

from idas_p2p.errors import ChannelClosed
from idas_p2p.exchange.places import MAX_FINDS, Places


async def test_one_more_waits_until_an_answer_has_ended() -> None:
    places, numbers = Places(), count(1)
    taken = [await places.enter(lambda: next(numbers)) for _ in range(MAX_FINDS)]
    waiting = asyncio.ensure_future(places.enter(lambda: next(numbers)))  # noqa: TID251  # awaited below
    await asyncio.sleep(0)
    assert not waiting.done()
    assert places.leave(taken[3])
    assert await waiting == MAX_FINDS + 1


async def test_a_place_is_given_back_once_and_by_its_own_number_only() -> None:
    places = Places()
    number = await places.enter(lambda: 7)
    assert not places.leave(8)
    assert places.leave(number)
    assert not places.leave(number)


async def test_a_find_that_cannot_begin_takes_no_place() -> None:
    def closed() -> int:
        raise ChannelClosed

    places = Places()
    for _ in range(2 * MAX_FINDS):
        with pytest.raises(ChannelClosed):
            await places.enter(closed)
    assert await places.enter(lambda: 1) == 1
