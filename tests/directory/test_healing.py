"""The network mends itself: after churn, a lost bootstrap node, a partition, wrong clocks, and stale memories.

All with the intervals that a node has in service (pace.py), in virtual time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from idas_p2p.crypto.records import Refusal
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.service import Directory
from idas_p2p.limits import DIRECTORY_REPLICAS, MAX_CLOCK_SKEW, RECORD_LIFETIME
from idas_p2p.wire.address import Contact
from idas_p2p.wire.records import Record
from tests.directory.network import MemoryNetwork, Nodes, nodes, record, until
from tests.directory.virtual import LoopClock, in_virtual_time

HOUR = 3_600.0  # seconds
SETTLING = 60.0  # seconds in which nodes that just started have met and filled their buckets
REUNION = 600.0  # seconds: twice the longest that a silent peer is left alone, section 8.2


class SplitNetwork(MemoryNetwork):
    """Carries nothing between hosts of even and of odd number while it is split."""

    is_split = False

    def carry(self, data: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
        self.carried.clear()  # hours of it would fill the memory
        if not self.is_split or side(source[0]) == side(target[0]):
            super().carry(data, source, target)


def side(host: str) -> int:
    return int(host.split(".")[2]) % 2


@dataclass
class SkewedClock(LoopClock):
    """Wrong by some seconds; fast if they are more than 0."""

    skew: float = 0.0

    def now(self) -> float:
        return super().now() + self.skew


@asynccontextmanager
async def network_of(count: int, *, folder: Path | None = None) -> AsyncIterator[tuple[SplitNetwork, Nodes]]:
    """Nodes 0 to count - 1 that have met, at addresses of their own; 0 is the bootstrap node of the others."""
    rng = random.Random(8)
    network = SplitNetwork(latency=lambda: rng.uniform(0.01, 0.04))
    async with nodes(network.open, clock=LoopClock(), pace=Pace()) as group:
        group.random_bytes = rng.randbytes
        for number in range(count):
            await add(group, number, folder=folder)
        await asyncio.sleep(SETTLING)
        yield network, group


async def add(
    group: Nodes,
    number: int,
    *,
    folder: Path | None = None,
    clock: LoopClock | None = None,
    contacts: Sequence[Contact] | None = None,
    host: int | None = None,
) -> Directory:
    known = list(group.running.values())[:1] if contacts is None else contacts
    address = f"10.0.{number if host is None else host}.1"
    return await group.start(
        number, contacts=known, port=7_000, host=address, folder=folder, clock=clock or LoopClock()
    )


def written(count: int, payload: bytes = b"payload", *, clock: LoopClock | None = None) -> list[Record]:
    now = (clock or LoopClock()).now()
    return [record(n, f"w{n}", payload, now=now, lifetime=RECORD_LIFETIME) for n in range(count)]


async def read(reader: Directory, lot: Iterable[Record]) -> list[list[Record]]:
    return [await reader.get(one.key) for one in lot]


def sequences(group: Nodes) -> dict[tuple[Directory, bytes], int]:
    """What every node holds in every slot."""
    return {(node, slot.writer): slot.sequence for node in group.running for slot in node._storage.slots()}


@in_virtual_time
async def test_reads_keep_finding_while_nodes_join_and_leave_until_nobody_of_the_first_is_left() -> None:
    async with network_of(16) as (_, group):
        lot = written(10)
        read_meanwhile = lot[:5]  # the others get no repair by readers
        assert min(await next(iter(group.running)).put(lot)) == DIRECTORY_REPLICAS
        for number in range(16):
            oldest = next(iter(group.running))
            await group.stop(oldest)
            readers = list(group.running)
            assert await read(readers[number % 15], read_meanwhile) == [[one] for one in read_meanwhile]
            newcomer = await add(group, 100 + number)
            assert await newcomer.wait_joined(SETTLING)
            assert await read(newcomer, read_meanwhile) == [[one] for one in read_meanwhile]
            await asyncio.sleep(SETTLING)
        assert sum(node.status().records_stored for node in group.running) >= len(lot) * DIRECTORY_REPLICAS
        for reader in group.running:
            assert await read(reader, lot) == [[one] for one in lot]


@in_virtual_time
async def test_a_node_that_restarts_after_its_bootstrap_node_was_lost_for_good_rejoins_through_contacts_it_knew(
    tmp_path: Path,
) -> None:
    async with network_of(10, folder=tmp_path) as (_, group):
        bootstrap, other, *_, last = group.running
        (one,) = written(1)
        await other.put([one])
        dead = await group.stop(bootstrap)
        await group.stop(last)
        await asyncio.sleep(REUNION)
        again = await add(group, 9, folder=tmp_path, contacts=[dead], host=60)  # where nobody calls it
        assert await again.wait_joined(SETTLING)
        await until(lambda: again.status().contacts == 8, timeout=SETTLING)
        assert dead not in again.contacts()
        assert await again.get(one.key) == [one]
        stranger = await add(group, 50, contacts=[dead])  # it knew nobody else: the file is what made the difference
        assert not await stranger.wait_joined(SETTLING)


@in_virtual_time
async def test_the_halves_of_a_split_network_grow_together_and_every_reader_finds_the_newest_of_both() -> None:
    async with network_of(21) as (network, group):
        bootstrap, *everybody = group.running
        odd, even = everybody[0::2], everybody[1::2]
        old = written(12)
        await even[1].put(old)
        await group.stop(bootstrap)  # for good: they must find each other without it
        network.is_split = True
        await asyncio.sleep(HOUR / 2)
        assert not {contact.address.host for contact in even[1].contacts()} & {f"10.0.{n}.1" for n in range(1, 20, 2)}
        newer = written(12, b"renewed by one side")[:6]  # both sides have these slots, the odd one newer
        assert min(await odd[3].put(newer)) == len(odd)
        even_only = [record("even", "e", now=LoopClock().now())]
        odd_only = [record("odd", "o", now=LoopClock().now())]
        await even[2].put(even_only)
        await odd[2].put(odd_only)
        await asyncio.sleep(HOUR / 2)
        assert await read(even[4], [*newer, *odd_only]) == [*([one] for one in old[:6]), []]

        network.is_split = False
        held = sequences(group)
        for _ in range(round(REUNION / 60)):
            await asyncio.sleep(60.0)
            now_held = sequences(group)
            assert all(now_held.get(slot, 0) >= sequence for slot, sequence in held.items())  # nothing rolled back
            assert await read(odd[4], newer) == [[one] for one in newer]
            held = now_held
        newest = [*newer, *old[6:], *even_only, *odd_only]
        for reader in everybody:
            assert await read(reader, newest) == [[one] for one in newest]


@pytest.mark.parametrize("skew", [MAX_CLOCK_SKEW, -MAX_CLOCK_SKEW])
@in_virtual_time
async def test_nodes_whose_clocks_are_two_minutes_wrong_take_part_until_the_last_minutes_of_a_record(
    skew: float,
) -> None:
    async with network_of(8) as (_, group):
        wrong = SkewedClock(skew)
        skewed = [await add(group, 50 + number, clock=wrong) for number in range(4)]
        await asyncio.sleep(SETTLING)
        assert all(node.status().contacts == 11 for node in group.running)
        right, *_ = group.running
        theirs = written(5, clock=wrong)
        ours = [record(f"ours {n}", f"r{n}", now=LoopClock().now(), lifetime=HOUR) for n in range(5)]
        long_lived = [record("long", "l", now=LoopClock().now(), lifetime=RECORD_LIFETIME)]
        assert await right.put(long_lived) == [DIRECTORY_REPLICAS]
        assert await skewed[0].put(theirs) == [DIRECTORY_REPLICAS] * 5  # everybody holds them, right or wrong
        assert await right.put(ours) == [DIRECTORY_REPLICAS] * 5
        assert not any(node.status().refused for node in group.running)
        until_expiry = min(ours[0].expires - node._clock.now() for node in group.running)
        await asyncio.sleep(until_expiry - 30.0)
        for reader in group.running:
            assert await read(reader, [*theirs, *ours]) == [[one] for one in (*theirs, *ours)]
        await asyncio.sleep(30.0 + 2 * MAX_CLOCK_SKEW)
        for reader in group.running:
            assert await read(reader, ours) == [[]] * 5


@pytest.mark.parametrize(
    ("skew", "lifetime", "reason"),
    [
        (MAX_CLOCK_SKEW + 5.0, RECORD_LIFETIME, Refusal.TOO_LONG_LIVED),
        (-MAX_CLOCK_SKEW - 15.0, 10.0, Refusal.EXPIRED),
    ],
)
@in_virtual_time
async def test_a_record_of_a_node_whose_clock_is_more_than_two_minutes_wrong_is_refused_by_name(
    skew: float, lifetime: float, reason: Refusal
) -> None:
    async with network_of(4) as (_, group):
        others = list(group.running)
        wrong = SkewedClock(skew)
        node = await add(group, 50, clock=wrong)
        await asyncio.sleep(SETTLING)
        bad = record("here", now=wrong.now(), lifetime=lifetime)
        assert await node.put([bad]) == [1]  # its own copy
        assert [dict(other.status().refused) for other in others] == [{reason: 1}] * 4
        assert await read(others[2], [bad]) == [[]]


@in_virtual_time
async def test_a_node_that_returns_with_a_journal_of_stale_records_rolls_nothing_back(tmp_path: Path) -> None:
    async with network_of(6, folder=tmp_path) as (_, group):
        first, *_, last = group.running
        old = written(10)
        assert await first.put(old) == [6] * 10
        await group.stop(last)
        await asyncio.sleep(HOUR)
        new = written(10, b"renewed while it was away")
        assert await first.put(new) == [5] * 10
        held = sequences(group)
        again = await add(group, 5, folder=tmp_path)
        assert again.status().records_stored == 10
        assert {slot.data for slot in again._storage.slots()} == {one.to_bytes() for one in old}
        await asyncio.sleep(SETTLING)
        assert held.items() <= sequences(group).items()
        assert {slot.data for slot in again._storage.slots()} == {one.to_bytes() for one in new}  # it was told of them
        for reader in group.running:
            assert await read(reader, new) == [[one] for one in new]
