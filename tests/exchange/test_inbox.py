"""The inbox: every request its own answers, one bound for all, and only the greediest pays."""

from __future__ import annotations

import asyncio

import pytest

from idas_p2p.errors import Busy, ChannelClosed
from idas_p2p.exchange.inbox import Inbox


async def test_each_request_takes_its_own_messages_in_order() -> None:
    inbox = Inbox()
    inbox.open(1)
    inbox.open(2)
    for number, text in ((1, "a"), (2, "x"), (1, "b")):
        inbox.put(number, text, 1)
    assert [await inbox.take(1), await inbox.take(1), await inbox.take(2)] == ["a", "b", "x"]
    assert inbox.size == 0


async def test_a_reader_waits_until_its_message_comes() -> None:
    inbox = Inbox()
    inbox.open(1)
    waiting = asyncio.gather(inbox.take(1))
    await asyncio.sleep(0)
    inbox.put(1, "late", 1)
    assert await waiting == ["late"]


def test_a_message_nobody_expects_is_thrown_away() -> None:
    inbox = Inbox()
    inbox.put(5, "unasked", 1_000)
    inbox.open(1)
    inbox.put(1, "kept", 10)
    inbox.close(1)
    inbox.put(1, "too late", 10)
    assert (inbox.size, len(inbox), 1 in inbox) == (0, 0, False)
    inbox.close(1)


async def test_when_too_much_waits_the_request_with_most_of_it_loses_its_answer_and_no_other() -> None:
    inbox = Inbox(most=100)
    for number in (1, 2):
        inbox.open(number)
    inbox.put(1, "small", 30)
    inbox.put(2, "large", 60)
    inbox.put(1, "one more", 20)
    with pytest.raises(Busy, match="faster than it was read"):
        await inbox.take(2)
    assert [await inbox.take(1), await inbox.take(1)] == ["small", "one more"]
    inbox.put(2, "after the end", 60)
    assert inbox.size == 0


async def test_the_end_comes_after_what_had_arrived() -> None:
    inbox = Inbox()
    inbox.open(1)
    inbox.put(1, "last", 1)
    inbox.end(ChannelClosed)
    assert await inbox.take(1) == "last"
    for _ in range(2):
        with pytest.raises(ChannelClosed):
            await inbox.take(1)


async def test_the_end_wakes_every_reader() -> None:
    inbox = Inbox()
    for number in (1, 2):
        inbox.open(number)
    waiting = asyncio.gather(inbox.take(1), inbox.take(2), return_exceptions=True)
    await asyncio.sleep(0)
    inbox.end(ChannelClosed)
    assert [type(error) for error in await waiting] == [ChannelClosed, ChannelClosed]
