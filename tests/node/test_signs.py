from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from idas_p2p.errors import PeerUnreachable
from idas_p2p.node.peer import Peer
from idas_p2p.node.signs import Signs
from idas_p2p.wire.ids import NodeId

NODE = NodeId(b"n" * 32)


class OneLink:
    """Links to one node, which are what a test says."""

    def __init__(self, answer: Any, **peer: Any) -> None:
        self.peers = {NODE: Peer(**peer)} if peer else {}
        self._answer = answer

    async def control(self, node: NodeId) -> Any:
        return self._answer


def link(heard: int = 5) -> Any:
    return SimpleNamespace(heard=heard, is_open=True)


async def test_a_node_is_silent_until_something_is_heard_on_its_open_link() -> None:
    open_link = link()
    signs = Signs(OneLink(open_link, link=open_link))  # type: ignore[arg-type]
    assert await signs.link(NODE) is open_link
    assert signs.is_silent(NODE)
    open_link.heard += 1
    assert not signs.is_silent(NODE)


async def test_a_link_that_was_opened_for_the_question_is_a_sign() -> None:
    signs = Signs(OneLink(link(0), last_seen=1.0))  # type: ignore[arg-type]
    await signs.link(NODE)
    assert not signs.is_silent(NODE)


def test_a_node_being_dialled_is_silent_where_it_was_reached_before_or_could_not_be() -> None:
    assert not Signs(OneLink(None)).is_silent(NODE)  # type: ignore[arg-type]
    assert not Signs(OneLink(None, last_error="")).is_silent(NODE)  # type: ignore[arg-type]
    assert Signs(OneLink(None, last_seen=1.0)).is_silent(NODE)  # type: ignore[arg-type]
    assert Signs(OneLink(None, failure=PeerUnreachable())).is_silent(NODE)  # type: ignore[arg-type]
