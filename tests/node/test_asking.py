"""One question to members: asked again where a link was dead, and never a guess that nothing is there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from idas_p2p.errors import ChannelClosed, PeerUnreachable, TooManyMatches
from idas_p2p.exchange.find import Asked
from idas_p2p.node.asking import ask_members
from idas_p2p.wire.ids import NodeId

ANNA, BERG = NodeId(b"a" * 32), NodeId(b"b" * 32)
Answer = Sequence[str | Exception]


class Links:
    """Links to members, each of which answers as the test says, one way after the other."""

    def __init__(self, **answers: Sequence[Answer]) -> None:
        self.peers: dict[NodeId, Any] = {}
        self._answers = {
            node: iter(answers[name]) for name, node in (("anna", ANNA), ("berg", BERG)) if name in answers
        }

    async def control(self, node: NodeId) -> Any:
        return SimpleNamespace(heard=0, answer=next(self._answers[node]))


async def answer_of(link: Any) -> AsyncGenerator[str, None]:
    for one in link.answer:
        if isinstance(one, Exception):
            raise one
        yield one


async def told(links: Links, members: Sequence[NodeId], asked: Asked) -> list[tuple[NodeId, str]]:
    found: list[tuple[NodeId, str]] = []
    hits = ask_members(links, members, answer_of, asked=asked, is_empty=lambda: not found)  # type: ignore[arg-type]
    async for hit in hits:
        found.append((hit.holder, hit.hit))
    return found


async def test_a_member_whose_link_was_dead_is_asked_once_more() -> None:
    links, asked = Links(anna=[[ChannelClosed()], ["one", "two"]]), Asked()
    assert await told(links, [ANNA], asked) == [(ANNA, "one"), (ANNA, "two")]
    assert (asked.answered, asked.unanswered) == ({ANNA}, {})


async def test_what_has_brought_something_is_not_asked_again_for_it_would_come_twice() -> None:
    links, asked = Links(anna=[["one", ChannelClosed()], ["one"]]), Asked()
    assert await told(links, [ANNA], asked) == [(ANNA, "one")]
    assert asked.unanswered == {ANNA: ChannelClosed.code}


async def test_a_link_that_is_dead_twice_is_an_answer_that_did_not_come() -> None:
    links = Links(anna=[[ChannelClosed()], [ChannelClosed()]])
    with pytest.raises(PeerUnreachable, match="1 of 1 holders"):
        await told(links, [ANNA], Asked())


async def test_what_others_have_is_enough_where_one_is_silent_and_nothing_anywhere_is_no_guess() -> None:
    assert await told(Links(anna=[["one"]], berg=[[PeerUnreachable()]]), [ANNA, BERG], Asked()) == [(ANNA, "one")]
    assert await told(Links(anna=[[]], berg=[[]]), [ANNA, BERG], Asked()) == []
    with pytest.raises(PeerUnreachable, match="1 of 2 holders"):
        await told(Links(anna=[[]], berg=[[PeerUnreachable()]]), [ANNA, BERG], Asked())


async def test_a_holder_with_more_than_it_may_tell_makes_the_answer_incomplete() -> None:
    with pytest.raises(TooManyMatches):
        await told(Links(anna=[["one", TooManyMatches()]]), [ANNA], Asked())
