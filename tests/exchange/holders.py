"""Holders over channels in memory, for retrievals from several at once: honest ones, and ones that fail in each way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import ChannelClosed, IdasError, PeerUnreachable
from idas_p2p.exchange.conversation import Holder
from idas_p2p.exchange.fetch import Fetch
from idas_p2p.exchange.link import Question
from idas_p2p.exchange.send import send_study
from idas_p2p.transport.memory import MemoryChannel
from idas_p2p.wire.fetching import Chunk, FetchRequest, InstanceHead, Mode
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection, Total
from idas_p2p.wire.messages import decode_message, encode_message
from tests.exchange.ends import ASKER, EVERYTHING, ONE, TICKET, Spool, Studies, Watcher, image_pair, no_layout

HASTE = 20.0


class HastyClock(SystemClock):
    """A clock on which silence is soon noticed."""

    def monotonic(self) -> float:
        return HASTE * super().monotonic()


Change = Callable[[Any], Any]
"""What a lying holder makes of a message it sends; None: nothing."""


class Tampered:
    """A channel whose messages are changed, or which dies or stops, on their way to the requester."""

    def __init__(self, channel: MemoryChannel, holder: Node) -> None:
        self._channel, self._holder = channel, holder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    async def send(self, message: bytes) -> None:
        self._holder.said += 1
        if self._holder.dies_after is not None and self._holder.said > self._holder.dies_after:
            await self._channel.close()
            raise ChannelClosed
        if self._holder.stalls_after is not None and self._holder.said > self._holder.stalls_after:
            await asyncio.Event().wait()
        changed = self._holder.change(decode_message(message))
        await self._channel.send(encode_message(changed))


@dataclass
class Node:
    """One holder."""

    number: int
    events: Sequence[RetrieveEvent | Exception]
    change: Change = lambda message: message
    dies_after: int | None = None  # messages, over all links
    stalls_after: int | None = None
    refuses: IdasError | None = None  # every dial
    returns: bool = True  # after a death
    said: int = 0
    modes: list[int] = field(default_factory=list)  # of the links it served
    studies: Studies = field(init=False)

    def __post_init__(self) -> None:
        self.identity = SigningKey(bytes((self.number,)) * 32)
        self.studies = Studies(self.events)

    @property
    def node_id(self) -> NodeId:
        return self.identity.node_id

    async def serve(self, channel: MemoryChannel) -> None:
        request = decode_message(await channel.receive())
        assert isinstance(request, FetchRequest)
        self.modes.append(request.mode)
        try:
            await send_study(
                Tampered(channel, self),
                request,
                identity=self.identity,
                requester=ASKER,
                source=self.studies,
                still_allowed=lambda: True,
                layout_of=no_layout,
            )
        except IdasError:
            pass
        finally:
            await channel.close()


@dataclass
class Region:
    """Holders that can be dialled."""

    nodes: Sequence[Node]
    serving: list[asyncio.Task[None]] = field(default_factory=list)

    async def dial(self, node_id: NodeId) -> MemoryChannel:
        node = next(one for one in self.nodes if one.node_id == node_id)
        if node.refuses is not None:
            raise node.refuses
        if node.dies_after is not None and node.said > node.dies_after:
            if not node.returns:
                raise PeerUnreachable
            node.dies_after = None
        asking, answering = image_pair(holder=node.identity)
        self.serving.append(asyncio.create_task(node.serve(answering)))  # noqa: TID251
        return asking

    def holders(self) -> list[Holder]:
        return [Holder(node.node_id, TICKET, _count(node)) for node in self.nodes]


def _count(node: Node) -> int:
    return next((event.count for event in node.events if isinstance(event, Total)), 0)


@asynccontextmanager
async def region(*nodes: Node) -> AsyncIterator[Region]:
    """Holders; none of their tasks is left behind."""
    made = Region(nodes)
    try:
        async with asyncio.timeout(8):
            yield made
    finally:
        for task in made.serving:
            task.cancel()
        await asyncio.gather(*made.serving, return_exceptions=True)


def make_fetch(
    made: Region, spool: Spool, *, selection: Selection = EVERYTHING, watcher: Watcher | None = None, **options: Any
) -> Fetch:
    return Fetch(
        Question(requester=ONE, user="dr.a", selection=selection),
        spool,
        dial=made.dial,
        is_true=options.pop("is_true", lambda _instance: True),
        watcher=watcher or Watcher(),
        clock=HastyClock(),
        **options,
    )


async def collect(fetch: Fetch, holders: Sequence[Holder]) -> list[Total | Instance]:
    async with aclosing(fetch.events(holders)) as events:
        return [event async for event in events]


async def fetched(*nodes: Node, spool: Spool | None = None, **options: Any) -> tuple[list[Any], Fetch]:
    """All that a retrieval from these holders yields."""
    async with region(*nodes) as made:
        fetch = make_fetch(made, spool or Spool(), **options)
        return await collect(fetch, made.holders()), fetch


def bytes_of(events: Sequence[Any]) -> dict[str, bytes]:
    """The data sets that came; none came twice."""
    came = [event for event in events if isinstance(event, Instance)]
    found = {event.sop_instance_uid: event.data.read() for event in came}
    assert len(found) == len(came)
    return found


def lying_about(uid: str) -> Change:
    """Sends other bytes than it says, of one instance."""
    current = ""

    def change(message: Any) -> Any:
        nonlocal current
        if isinstance(message, InstanceHead):
            current = message.sop_instance_uid
        if isinstance(message, Chunk) and current == uid:
            return replace(message, coding=0, data=bytes(message.size))
        return message

    return change


__all__ = ["Mode"]
