"""Lookups that no dead node can hold up: a late question frees its place at once, its answer still counts.

Belongs here: driving a shortlist with questions. Not here: its order (shortlist.py), timers of questions (sealed.py).
Limits 6, 16, 17, 26; docs/spec/directory.md section 9. Source: the loose parallelism of Stutzbach & Rejaie 2006.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from kademlia.crawling import SpiderCrawl
from kademlia.node import Node

from idas_p2p.directory.merging import MergedSlots
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.protocol import DirectoryProtocol
from idas_p2p.directory.shortlist import Shortlist, State
from idas_p2p.errors import WireError
from idas_p2p.wire.records import Record

MAX_QUESTIONS = 128  # asked by one lookup; ours: a network of liars ends it
MAX_PAGES = 256  # read from one holder


class NodeCrawl(SpiderCrawl):  # type: ignore[misc]  # kademlia carries no types
    """Find the k live nodes nearest to an id.

    Args:
        protocol: asks the questions.
        node: the id looked for.
        peers: where to start.
        ksize: how many nodes.
        alpha: questions under way at once, late ones not counted.
    """

    protocol: DirectoryProtocol

    def __init__(self, protocol: DirectoryProtocol, node: Node, peers: Sequence[Peer], ksize: int, alpha: int) -> None:
        super().__init__(protocol, node, [], ksize, alpha)
        self.nearest = Shortlist(node, ksize)
        self.nearest.push(peers)
        self.questions = 0
        self._running: dict[asyncio.Task[None], Peer] = {}
        self._late_at: dict[Peer, float] = {}  # loop time at which a question under way counts as late

    async def find(self) -> list[Peer]:
        """Run the lookup; returns the k nearest nodes that answered, nearest first."""
        async with asyncio.TaskGroup() as group:
            while not self.is_enough():
                self._ask_more(group)
                if not self._running:
                    break
                await self._next_event()
            for task in self._running:
                task.cancel()  # the protocol still learns from the answer, or from its absence
        return self.nearest.answered()

    def is_enough(self) -> bool:
        """Whether the lookup may end."""
        return self.nearest.is_settled()

    async def question(self, peer: Peer) -> bool:
        """Ask one peer and learn from its reply; False when it gave none."""
        reply = await self.protocol.call_find_node(peer, self.node)
        if reply is None:
            return False
        self.nearest.push(self.protocol.usable(reply.contacts))
        return True

    def _ask_more(self, group: asyncio.TaskGroup) -> None:
        while len(self._late_at) < self.alpha and self.questions < MAX_QUESTIONS:
            peer = self.nearest.to_ask()
            if peer is None:
                return
            self.questions += 1
            self.nearest.mark(peer, State.ASKED)
            self._late_at[peer] = asyncio.get_running_loop().time() + self.protocol.patience(peer)
            self._running[group.create_task(self._run(peer))] = peer

    def _expect_more(self, peer: Peer) -> None:
        """The peer is answering: its next page is late only a while from now."""
        self.nearest.mark(peer, State.ASKED)
        self._late_at[peer] = asyncio.get_running_loop().time() + self.protocol.patience(peer)

    async def _run(self, peer: Peer) -> None:
        answered = await self.question(peer)
        self.nearest.mark(peer, State.ANSWERED if answered else State.FAILED)

    async def _next_event(self) -> None:
        now = asyncio.get_running_loop().time()
        wait = max(0.0, min(self._late_at.values()) - now) if self._late_at else None
        done, _ = await asyncio.wait(self._running, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            self._late_at.pop(self._running.pop(task), None)
        now = asyncio.get_running_loop().time()
        for peer in [peer for peer, at in self._late_at.items() if at <= now]:
            del self._late_at[peer]
            self.nearest.mark(peer, State.LATE)


class ValueCrawl(NodeCrawl):
    """Find the records of a key, from several holders.

    Args:
        protocol: asks the questions.
        node: the key.
        peers: where to start.
        ksize: nodes that hold a record.
        alpha: questions under way at once.
        slots: takes every record found.
        own: what we hold ourselves, or None when we are no holder.
        quorum: holders after which the lookup may end.
    """

    def __init__(
        self,
        protocol: DirectoryProtocol,
        node: Node,
        peers: Sequence[Peer],
        ksize: int,
        alpha: int,
        *,
        slots: MergedSlots,
        own: Sequence[bytes],
        quorum: int,
    ) -> None:
        super().__init__(protocol, node, peers, ksize, alpha)
        self._slots = slots
        self._quorum = quorum
        self.held: dict[Peer, set[bytes]] = {}  # what each peer that answered holds
        self._holders = int(any([slots.add(data) for data in own]))

    def is_enough(self) -> bool:
        """Whether enough holders answered, or all that could be one."""
        return self._holders >= self._quorum or super().is_enough()

    async def question(self, peer: Peer) -> bool:
        """Ask one peer for all its records of the key, page by page."""
        after, held = b"", set[bytes]()
        for _ in range(MAX_PAGES):
            reply = await self.protocol.call_find_value(peer, self.node, after)
            if reply is None:
                return False
            self.nearest.push(self.protocol.usable(reply.contacts))
            self._expect_more(peer)
            held.update(data for data in reply.records if self._slots.add(data))
            last = _writer(reply.records[-1]) if reply.records else b""
            if not reply.more or last <= after:
                break
            after = last
        self.held[peer] = held
        self._holders += bool(held)
        return True


def _writer(data: bytes) -> bytes:
    """The slot of an encoded record, believed or not; empty when it is none."""
    try:
        return Record.from_bytes(data).writer
    except WireError:
        return b""
