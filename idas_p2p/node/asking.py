"""One question of this node's users to members: each asked once more where its link was dead, and how it all ended.

Law: "nothing there" is never a guess: where nothing was found and somebody was silent, that is an error.
Belongs here: what queries for studies and queries below them have in common. Not here: whom to ask (find.py), asking in
parallel (exchange/find.py), who is silent (signs.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Final, TypeVar

from idas_p2p.errors import ChannelClosed, PeerUnreachable, TooManyMatches
from idas_p2p.events import log_event
from idas_p2p.exchange.control import ControlLink
from idas_p2p.exchange.find import Asked, RemoteHit, ask_all
from idas_p2p.node.links import Links
from idas_p2p.node.signs import Signs
from idas_p2p.wire.ids import NodeId

T = TypeVar("T")

NODE_TIMEOUT: Final = 8.0  # seconds for dialling and the whole answer of one holder; ours


async def ask_members(
    links: Links,
    members: Sequence[NodeId],
    ask: Callable[[ControlLink], AsyncIterator[T]],
    *,
    asked: Asked,
    is_empty: Callable[[], bool],
) -> AsyncGenerator[RemoteHit[T], None]:
    """Yield what members answer, in order of arrival.

    Args:
        links: to members.
        members: whom to ask.
        ask: puts the question on a control link.
        asked: tells afterwards who answered and who did not.
        is_empty: whether nothing was found anywhere; asked at the end.

    Raises:
        TooManyMatches: a holder has more than it told.
        PeerUnreachable: nothing was found and some holder did not answer.
    """
    signs = Signs(links)

    async def ask_one(node: NodeId) -> AsyncGenerator[T, None]:
        """Ask a node; once again where its link turns out to be dead before it has brought anything."""
        for is_last in (False, True):
            link, came = await signs.link(node), False
            try:
                async with aclosing(ask(link)) as answers:  # type: ignore[type-var]
                    async for answer in answers:
                        came = True
                        yield answer
                return
            except ChannelClosed:
                if came or is_last:
                    raise

    told = ask_all(members, ask_one, per_node_timeout=NODE_TIMEOUT, asked=asked, is_silent=signs.is_silent)
    async with aclosing(told) as hits:  # type: ignore[type-var]
        async for hit in hits:
            yield hit
    for node, reason in asked.unanswered.items():
        log_event("holder_did_not_answer", peer=node.short, reason=reason)
    if TooManyMatches.code in asked.unanswered.values():
        raise TooManyMatches("a holder has more matches than it may tell; ask for less")
    if is_empty() and asked.unanswered:
        raise PeerUnreachable(f"{len(asked.unanswered)} of {len(members)} holders did not answer")
