"""Placing many records: sorted by key, one visit to each region of the key space, few datagrams to each node.

Records may be given as drafts, which are signed when their region's turn comes: a million need not be in memory.
Several stretches of the key space are worked on at once, each from its low end to its high end.

Belongs here: the order of work. Not here: what a region is (regions.py), packing (storing.py), what to publish (node/).
Source: docs/spec/directory.md section 10.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from idas_p2p.directory.peers import Peer
from idas_p2p.directory.regions import Block, Lookup, Region, Survey
from idas_p2p.directory.storing import by_peer, pack_records
from idas_p2p.wire.records import Record
from idas_p2p.wire.rpc import Stored

STRETCHES = 8  # of the key space worked on at once; ours
CHUNK = 256  # records of one region signed and sent together; ours: bounds memory and what a kill leaves unreported
SIGNED_AT_ONCE = 8  # records signed before others get a turn: about 2 ms, for each stretch
STORES_AT_ONCE = 32  # datagrams under way; ours: below what a home router's queue holds
WORTH_A_SURVEY = 3  # keys in a block; fewer are looked up one by one


class Draft(Protocol):
    """A record to be: where it will lie is known."""

    @property
    def key(self) -> bytes:
        """The Kademlia key: 20 bytes."""

    def sign(self) -> Record:
        """The record, as of now."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A record that is signed already."""

    record: Record

    @property
    def key(self) -> bytes:
        """The Kademlia key: 20 bytes."""
        return self.record.key

    def sign(self) -> Record:
        """The record."""
        return self.record


class SignedOnce:
    """A draft that is placed in two networks: the same record in both.

    Args:
        draft: the draft.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._record: Record | None = None

    @property
    def key(self) -> bytes:
        """The Kademlia key: 20 bytes."""
        return self._draft.key

    def sign(self) -> Record:
        """The record, as of when it was signed first."""
        self._record = self._record or self._draft.sign()
        return self._record


@dataclass(frozen=True, slots=True)
class Means:
    """What placing needs of a node.

    Args:
        lookup: finds the live nodes nearest to an id, `replicas` of them, without us.
        store: asks a peer to hold records that fit one datagram; None when it did not answer.
        keep: holds a record ourselves if we are among the nearest, the others being given; True when it is held,
            None when we are not among them.
        replicas: how many nodes hold a record.
    """

    lookup: Lookup
    store: Callable[[Peer, tuple[bytes, ...]], Awaitable[Stored | None]]
    keep: Callable[[bytes, bytes, Sequence[Peer]], bool | None]
    replicas: int


OnStored = Callable[[Sequence[tuple[int, int]]], None]


class Placement:
    """Places records once.

    Args:
        means: the node.
        drafts: what to place.
        on_stored: told (number of the draft, nodes that hold it now) for some drafts at a time, each draft once.
    """

    def __init__(self, means: Means, drafts: Sequence[Draft], on_stored: OnStored) -> None:
        self._means = means
        self._drafts = drafts
        self._on_stored = on_stored
        self._keys: list[bytes] = []
        self._order: list[int] = []  # numbers of the drafts, by key
        self._sorted: list[bytes] = []
        self._limit = asyncio.Semaphore(STORES_AT_ONCE)

    async def run(self) -> None:
        """Place everything; what nobody took is reported as held by 0."""
        for start in range(0, len(self._drafts), CHUNK):
            self._keys += [draft.key for draft in self._drafts[start : start + CHUNK]]
            await asyncio.sleep(0)
        self._order = sorted(range(len(self._drafts)), key=self._keys.__getitem__)
        self._sorted = [self._keys[number] for number in self._order]
        size = -(-len(self._order) // STRETCHES)
        async with asyncio.TaskGroup() as group:
            for start in range(0, len(self._order), size or 1):
                group.create_task(self._walk(start, min(start + size, len(self._order))))

    async def _walk(self, place: int, end: int) -> None:
        while place < end:
            survey = Survey(self._means.lookup, self._means.replicas, is_worth_it=self._is_worth_it)
            region = await survey.region_of(self._sorted[place])
            last = min(end, self._end_of(region.block))
            for start in range(place, last, CHUNK):
                numbers = self._order[start : min(start + CHUNK, last)]
                self._on_stored(list(zip(numbers, await self._store(numbers, region), strict=True)))
            place = last

    def _is_worth_it(self, block: Block) -> bool:
        first = bisect_left(self._sorted, block.low.to_bytes(20, "big"))
        return self._end_of(block) - first >= WORTH_A_SURVEY

    def _end_of(self, block: Block) -> int:
        """The place in the order after the last key of a block."""
        after = block.low + block.size
        return len(self._sorted) if after >> 160 else bisect_left(self._sorted, after.to_bytes(20, "big"))

    async def _store(self, numbers: Sequence[int], region: Region) -> list[int]:
        """Sign and send some records of one region; returns how many nodes hold each."""
        signed: list[bytes] = []
        places: list[list[Peer]] = []
        counts = [0] * len(numbers)
        for index, number in enumerate(numbers):
            if index % SIGNED_AT_ONCE == SIGNED_AT_ONCE - 1:
                await asyncio.sleep(0)
            signed.append(self._drafts[number].sign().to_bytes())
            places.append(region.nearest(self._keys[number], self._means.replicas))
            kept = self._means.keep(self._keys[number], signed[index], places[index])
            if kept is not None:
                counts[index] += kept
                del places[index][self._means.replicas - 1 :]

        async def store(peer: Peer, run: list[tuple[int, bytes]]) -> None:
            try:
                stored = await self._means.store(peer, tuple(data for _, data in run))
            finally:
                self._limit.release()
            for (index, _), outcome in zip(run, stored.outcomes if stored else (), strict=False):
                counts[index] += outcome == 0

        async with asyncio.TaskGroup() as group:
            for peer, run in _runs(places, signed):
                await self._limit.acquire()  # before the task is made: a thousand of them would hold up everybody
                group.create_task(store(peer, run))
        return counts


def _runs(places: Sequence[Sequence[Peer]], signed: Sequence[bytes]) -> Iterator[tuple[Peer, list[tuple[int, bytes]]]]:
    """What to send to whom, one run for each datagram."""
    for peer, indexes in by_peer(places).items():
        for run in pack_records((index, signed[index]) for index in indexes):
            yield peer, run
