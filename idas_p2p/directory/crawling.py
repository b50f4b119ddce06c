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
from idas_p2p.directory.paging import END, stretches
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
        self._since: dict[Peer, float] = {}  # questions that are waited for: monotonic seconds of their start

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

    def next_to_ask(self) -> Peer | None:
        """Whom to ask now; None when enough questions are under way, or nobody is left."""
        in_time = sum(self.nearest.state(peer) is State.ASKED for peer in self._since)
        return self.nearest.to_ask() if in_time < self.alpha else None

    def _ask_more(self, group: asyncio.TaskGroup) -> None:
        while self.questions < MAX_QUESTIONS and (peer := self.next_to_ask()) is not None:
            self.questions += 1
            self._expect(peer)
            self._running[group.create_task(self._run(peer))] = peer

    def _expect(self, peer: Peer) -> None:
        """The peer was asked, or is answering page by page: its answer is late only a while from now."""
        self.nearest.mark(peer, State.ASKED)
        self._since[peer] = self.protocol.clock.monotonic()

    async def _run(self, peer: Peer) -> None:
        answered = await self.question(peer)
        if self.nearest.state(peer) is State.ASKED:
            self.protocol.liveness.note_outcome(answered=answered)
        self.nearest.mark(peer, State.ANSWERED if answered else State.FAILED)

    async def _next_event(self) -> None:
        next_at = min((self._waited_until(peer) for peer in self._since), default=None)
        wait = None if next_at is None else max(0.0, next_at - self.protocol.clock.monotonic())
        done, _ = await asyncio.wait(self._running, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            self._since.pop(self._running.pop(task), None)
        now = self.protocol.clock.monotonic()
        for peer in [peer for peer in self._since if self._waited_until(peer) <= now]:
            if self.nearest.state(peer) is State.ASKED:
                self.nearest.mark(peer, State.LATE)
                self.protocol.liveness.note_outcome(answered=False)
            else:
                del self._since[peer]
                self.nearest.mark(peer, State.SILENT)

    def _waited_until(self, peer: Peer) -> float:
        """When to think worse of a question under way."""
        liveness, since = self.protocol.liveness, self._since[peer]
        is_late = self.nearest.state(peer) is State.LATE
        return liveness.silent_at(peer, since=since) if is_late else liveness.late_at(peer, since=since)


class ValueCrawl(NodeCrawl):
    """Find the records of a key, from several holders.

    Args:
        protocol: asks the questions.
        node: the key.
        peers: where to start.
        ksize: nodes that must answer before a record counts as not to be had.
        replicas: nodes that hold a record.
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
        *,
        replicas: int,
        slots: MergedSlots,
        own: Sequence[bytes],
        quorum: int,
    ) -> None:
        super().__init__(protocol, node, peers, max(ksize, min(quorum, replicas)), quorum)
        self._replicas = replicas
        self._slots = slots
        self._quorum = quorum
        self.held: dict[Peer, set[bytes]] = {}  # what each peer that answered holds
        self._holders = int(any([slots.add(data) for data in own]))

    def is_enough(self) -> bool:
        """Whether enough holders answered, or all that could be one."""
        return self._holders >= self._quorum or super().is_enough()

    def next_to_ask(self) -> Peer | None:
        """One that may hold the record, while fewer questions to such are under way than holders are wanted.

        Among those, all equally good, the one with a session comes first: it answers in one round trip, not two.
        """
        likely = self.nearest.window(self._replicas)
        under_way = sum(self.nearest.state(peer) is State.ASKED for peer in likely)
        if under_way >= self.protocol.liveness.to_be_asked(for_answers=self._quorum - self._holders):
            return None
        new = [peer for peer in likely if self.nearest.state(peer) is State.NEW]
        return next((peer for peer in new if self.protocol.has_session(peer)), new[0] if new else None)

    async def question(self, peer: Peer) -> bool:
        """Ask one peer for all its records of the key, page by page."""
        held = set[bytes]()
        if not await self._read(peer, held, [MAX_PAGES], b"", END):
            return False
        self.held[peer] = held
        self._holders += bool(held)
        return True

    async def _read(self, peer: Peer, held: set[bytes], left: list[int], after: bytes, end: bytes) -> bool:
        """Read a peer's slots after one writer key and up to another, the rest of a page several at once.

        Args:
            peer: the holder.
            held: gets its records.
            left: how many pages may still be asked for, the only item.
            after: a writer key, or empty.
            end: a writer key.

        Returns:
            False when a question had no answer.
        """
        while left[0] > 0:
            left[0] -= 1
            reply = await self.protocol.call_find_value(peer, self.node, after)
            if reply is None:
                return False
            self.nearest.push(self.protocol.usable(reply.contacts))
            self._expect(peer)
            held.update(data for data in reply.records if self._slots.add(data))
            last = _writer(reply.records[-1]) if reply.records else b""
            if not reply.more or last <= after or last >= end:
                break
            rest = stretches(after, last, end)
            if len(rest) > 1:
                async with asyncio.TaskGroup() as group:
                    parts = [group.create_task(self._read(peer, held, left, *stretch)) for stretch in rest]
                return all(part.result() for part in parts)
            after = last
        return True


def _writer(data: bytes) -> bytes:
    """The slot of an encoded record, believed or not; empty when it is none."""
    try:
        return Record.from_bytes(data).writer
    except WireError:
        return b""
