"""One question to many nodes: hits as they come, each node under its own deadline, the silent ones named.

Belongs here: asking in parallel, and that one node costs only its own answer. Not here: whom to ask (node/find.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from idas_p2p.errors import IdasError, LocalError, PeerUnreachable
from idas_p2p.events import log_failure
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.ids import NodeId

T = TypeVar("T")

MAX_NODES_AT_ONCE = 256  # asked by one query; ours
PATIENCE = 1.6  # seconds; ours: who is there has answered a ping by then; two seconds with the lookup before it
_WAITING_HITS = 1_024  # hits not yet taken by the workstation; ours: then the links wait


@dataclass(frozen=True, slots=True)
class RemoteHit(Generic[T]):
    """A hit and who holds it."""

    holder: NodeId
    hit: T


@dataclass(slots=True)
class Asked:
    """What came of asking: filled while the hits are read."""

    answered: set[NodeId] = field(default_factory=set)
    unanswered: dict[NodeId, str] = field(default_factory=dict)  # node to error code


def _never(node: NodeId) -> bool:
    return False


async def ask_all(
    nodes: Iterable[NodeId],
    ask: Callable[[NodeId], AsyncIterator[T]],
    *,
    per_node_timeout: float,
    asked: Asked,
    is_silent: Callable[[NodeId], bool] = _never,
) -> AsyncIterator[RemoteHit[T]]:
    """Ask every node at once and yield hits in order of arrival.

    Args:
        nodes: whom to ask.
        ask: starts the question to one node.
        per_node_timeout: seconds for the whole answer of one node; time in which the reader takes nothing is not its.
        asked: tells afterwards who answered and who did not.
        is_silent: whether a node has given no sign of life since it was asked. Silent ones are given up PATIENCE
            seconds after the beginning, once all others have answered, if any did.
    """
    wanted = list(dict.fromkeys(nodes))
    tasks = TaskOwner(limit=max(1, len(wanted)))
    arrived: asyncio.Queue[RemoteHit[T] | NodeId] = asyncio.Queue(maxsize=_WAITING_HITS)
    places = asyncio.Semaphore(MAX_NODES_AT_ONCE)
    now = asyncio.get_running_loop().time

    async def read(node: NodeId, deadline: asyncio.Timeout) -> None:
        async with aclosing(ask(node)) as hits:  # type: ignore[type-var]
            async for hit in hits:
                if not arrived.full():
                    arrived.put_nowait(RemoteHit(node, hit))
                    continue
                left = (deadline.when() or now()) - now()
                deadline.reschedule(None)
                await arrived.put(RemoteHit(node, hit))
                deadline.reschedule(now() + left)

    async def ask_one(node: NodeId) -> None:
        try:
            async with places, asyncio.timeout(per_node_timeout) as deadline:
                await read(node, deadline)
            asked.answered.add(node)
        except TimeoutError:
            asked.unanswered[node] = PeerUnreachable.code
        except IdasError as error:
            asked.unanswered[node] = error.code
        except Exception as error:  # a bug with one node costs only its answer
            log_failure("ask_failed", error, peer=node.short)
            asked.unanswered[node] = LocalError.code
        await arrived.put(node)

    try:
        for node in wanted:
            tasks.start("ask_node", ask_one(node))
        left, begun = set(wanted), now()
        while left:
            patience = begun + PATIENCE if now() < begun + PATIENCE else None
            try:
                async with asyncio.timeout_at(patience):
                    item = await arrived.get()
            except TimeoutError:
                pass
            else:
                if isinstance(item, RemoteHit):
                    yield item
                    continue
                left.discard(item)
            if asked.answered and now() >= begun + PATIENCE and all(map(is_silent, left)):
                asked.unanswered.update(dict.fromkeys(left, PeerUnreachable.code))
                return
    finally:
        await tasks.stop()
