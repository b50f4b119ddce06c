"""Candidates of one lookup, nearest first, and what became of each; limit 32.

Belongs here: order, states, when a lookup is settled. Not here: sending, time. docs/spec/directory.md section 9.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from enum import Enum, auto

from kademlia.node import Node, NodeHeap

from idas_p2p.directory.peers import Peer

MAX_CANDIDATES = 128  # kept by one lookup; a liar can fill no more


class State(Enum):
    """What became of a candidate."""

    NEW = auto()
    ASKED = auto()
    LATE = auto()  # asked; others are asked meanwhile, and it is still waited for
    SILENT = auto()  # asked twice; no longer waited for
    ANSWERED = auto()
    FAILED = auto()


class Shortlist(NodeHeap):  # type: ignore[misc]  # kademlia carries no types
    """The candidates nearest to a target; one node named at two addresses is two, for one of the names may be a lie.

    Args:
        target: the id looked for.
        ksize: how many of the nearest must answer.
    """

    heap: list[tuple[int, Peer]]

    def __init__(self, target: Node, ksize: int) -> None:
        super().__init__(target, ksize)
        self._states: dict[Peer, State] = {}

    def push(self, nodes: Iterable[Peer]) -> None:
        """Add candidates; the farthest give way when there are too many."""
        for peer in nodes:
            if peer in self._states:
                continue
            self._states[peer] = State.NEW
            insort(self.heap, (self.node.distance_to(peer), peer), key=lambda entry: entry[0])
        while len(self.heap) > MAX_CANDIDATES and self._states[self.heap[-1][1]] is State.NEW:
            del self._states[self.heap.pop()[1]]

    def __contains__(self, node: Peer) -> bool:
        return node in self._states

    def mark(self, peer: Peer, state: State) -> None:
        """Note what became of a candidate; a late one may still answer, an answer stays."""
        if self._states.get(peer) is not State.ANSWERED:
            self._states[peer] = state

    def state(self, peer: Peer) -> State:
        """What became of a candidate."""
        return self._states[peer]

    def nearest(self, *states: State) -> list[Peer]:
        """Candidates in these states, nearest first."""
        return [peer for _, peer in self.heap if self._states[peer] in states]

    def window(self, count: int | None = None) -> list[Peer]:
        """The `count` nearest that are neither late, silent nor failed; k by default."""
        return self.nearest(State.NEW, State.ASKED, State.ANSWERED)[: count or self.maxsize]

    def to_ask(self) -> Peer | None:
        """The next candidate worth asking: the nearest new one of the window."""
        return next((peer for peer in self.window() if self._states[peer] is State.NEW), None)

    def is_settled(self) -> bool:
        """Whether the k nearest that are neither silent nor failed have all answered, and at least one has."""
        nearest = self.nearest(State.NEW, State.ASKED, State.LATE, State.ANSWERED)[: self.maxsize]
        return bool(nearest) and all(self._states[peer] is State.ANSWERED for peer in nearest)

    def plausible(self, count: int | None = None) -> list[Peer]:
        """The `count` nearest that have not failed, asked or not; k by default."""
        return self.nearest(*(state for state in State if state is not State.FAILED))[: count or self.maxsize]

    def answered(self, count: int | None = None) -> list[Peer]:
        """The `count` nearest nodes that answered, each at one address; k by default."""
        once = {peer.id: peer for peer in reversed(self.nearest(State.ANSWERED))}
        return list(reversed(once.values()))[: count or self.maxsize]
