"""One holder over one link after another; what comes of several is tested in test_fetch.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idas_p2p.errors import HandshakeFailed, IdasError, PeerUnreachable, SpoolFull, TicketRefused
from idas_p2p.exchange.conversation import Conversation, Holder
from idas_p2p.exchange.gathering import Gathering
from idas_p2p.exchange.link import Question
from idas_p2p.wire.fetching import Mode
from idas_p2p.wire.instance import Total
from tests.exchange.ends import EVERYTHING, ONE, TICKET, Spool, Watcher, instance
from tests.exchange.holders import HastyClock, Node, Region, region

STUDY = [Total(3), *(instance(number) for number in (1, 2, 3))]


class Talk:
    """A conversation and what it leads to."""

    def __init__(self, made: Region, *, spool: Spool | None = None, dial: Callable[..., Any] | None = None) -> None:
        self.watcher = Watcher()
        self.gathering = Gathering(EVERYTHING, spool or Spool(), is_true=lambda _: True, clock=HastyClock())
        self.conversation = Conversation(
            Holder(made.nodes[0].node_id, TICKET, 3),
            Question(requester=ONE, user="", selection=EVERYTHING),
            self.gathering,
            dial=dial or made.dial,
            watcher=self.watcher,
        )

    async def run(self) -> Talk:
        await self.conversation.run(Mode.ALL)
        return self


async def test_a_holder_gives_all_it_has() -> None:
    async with region(Node(1, STUDY)) as made:
        talk = await Talk(made).run()
    assert len(list(talk.gathering.deliverable())) == 3
    assert talk.gathering.shares.was_whole
    assert (talk.gathering.errors, talk.watcher.failures) == ([], [])


@pytest.mark.parametrize("error", [TicketRefused(), PeerUnreachable(), HandshakeFailed()])
async def test_a_holder_that_never_answered_or_refuses_is_not_tried_again(error: IdasError) -> None:
    async with region(Node(1, STUDY, refuses=error)) as made:
        talk = await Talk(made).run()
        assert talk.watcher.failures == [(made.nodes[0].node_id, error)]
    assert talk.gathering.errors == [error]
    assert talk.gathering.shares.is_over(now=0.0)


async def test_a_holder_that_answered_once_is_tried_until_it_is_hopeless() -> None:
    async with region(Node(1, STUDY, dies_after=3, returns=False)) as made:
        talk = await Talk(made).run()
    assert talk.watcher.interruptions > 1
    assert [type(error) for _, error in talk.watcher.failures] == [PeerUnreachable]


async def test_an_error_of_this_side_ends_the_retrieval() -> None:
    async with region(Node(1, STUDY)) as made:
        talk = await Talk(made, spool=Spool(room=1)).run()
    assert isinstance(talk.gathering.fatal, SpoolFull)
    assert talk.watcher.failures == []
