"""What publishing costs a hospital's node: python -m tools.measure_publishing --studies 375000 --json.

A catalog of made-up studies is published by the real publisher: batches, drafts, regions, signatures, packing, the
database. Only the datagrams are missing: the nodes that take the records are made up, and take them at once. Then the
node restarts in the middle, a share of the studies vanishes, a day passes and all is renewed. 375,000 studies are about
1,000,000 records. Belongs here: measuring, nothing else. What the network costs: tools/measure_storing.py and
tools/simulate_directory.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from idas_p2p.access.federation import Federation
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.directory.peers import Peer, distance
from idas_p2p.directory.placing import Draft, Means, OnStored, Placement
from idas_p2p.limits import DIRECTORY_REPLICAS, REPUBLISH_INTERVAL
from idas_p2p.node.publish import Publisher
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.rpc import Stored
from idas_p2p.wire.study import Study

NODES = 1_000  # that take records
VANISHED = 0.01  # of the studies, on the second day
PAGE = 2_000  # studies recorded at once, as a harvest does
SAMPLE = 0.001  # seconds between two looks at the event loop


class DayClock:
    """The time of day, which can be moved on."""

    def __init__(self) -> None:
        self.ahead = 0.0  # seconds

    def now(self) -> float:
        """Unix seconds."""
        return 1_800_000_000.0 + time.monotonic() + self.ahead

    def monotonic(self) -> float:
        """Seconds, never backwards."""
        return time.monotonic() + self.ahead


class Takers:
    """A directory whose nodes take everything at once."""

    def __init__(self, rng: random.Random) -> None:
        self._peers = [Peer(NodeId(rng.randbytes(32)), ("192.0.2.1", 1 + number)) for number in range(NODES)]
        self.datagrams = self.records = self.lookups = 0

    async def publish(self, drafts: Sequence[Draft], *, on_stored: OnStored) -> None:
        """Sign, pack and take."""

        def count(stored: Sequence[tuple[int, int]]) -> None:
            self.records += len(stored)
            on_stored(stored)

        means = Means(
            lookup=self._lookup, store=self._store, keep=lambda key, data, others: None, replicas=DIRECTORY_REPLICAS
        )
        await Placement(means, drafts, count).run()

    async def _lookup(self, target: bytes) -> list[Peer]:
        self.lookups += 1
        await asyncio.sleep(0)
        return sorted(self._peers, key=lambda peer: distance(peer.id, target))[:DIRECTORY_REPLICAS]

    async def _store(self, peer: Peer, records: tuple[bytes, ...]) -> Stored:
        self.datagrams += 1
        await asyncio.sleep(0)
        return Stored(outcomes=(0,) * len(records))


class Node:
    """What of a node publishes; a new one on the same folder is a restart."""

    def __init__(self, folder: Path, identity: SigningKey, takers: Takers, clock: DayClock) -> None:
        self.database = Database.open(f"sqlite:///{folder}/node.db")
        self.catalog, settings = Catalog(self.database), Settings(self.database)
        federation = Federation(identity, settings, random_bytes=random_bytes)
        if not federation.is_member:
            federation.create("A", "F", now=clock.now())
        self.publisher = Publisher(identity, federation, takers, self.catalog, settings, clock=clock)  # type: ignore[arg-type]  # what it uses of it

    async def publish(self) -> None:
        """Publish until nothing is due."""
        while await self.publisher.turn() == 0.0:
            pass


def study(number: int) -> Study:
    """One of a hospital's: three to a patient, 15 years, one accession number each."""
    patient = number // 3
    return Study(
        study_uid=f"1.2.826.0.1.3680043.8.498.{number}",
        patient_id=f"P{patient:07d}",
        patient_name=f"F{patient % 20_011:05d}^G{patient}",
        accession_number=f"A{number:08d}",
        study_date=f"{2010 + number % 15}{1 + number // 15 % 12:02d}{1 + number // 180 % 28:02d}",
        instance_count=1 + number % 500,
    )


@asynccontextmanager
async def measured(takers: Takers) -> AsyncIterator[dict[str, float]]:
    """Cost of the block, in the dictionary afterwards."""
    result: dict[str, float] = {}
    process, holds = psutil.Process(), [0.0]
    peak = before = process.memory_info().rss
    records, lookups, datagrams = takers.records, takers.lookups, takers.datagrams

    async def watch() -> None:
        nonlocal peak
        while True:
            asleep, busy = time.monotonic(), time.thread_time()
            await asyncio.sleep(SAMPLE)
            holds.append(min(time.monotonic() - asleep - SAMPLE, time.thread_time() - busy))
            peak = max(peak, process.memory_info().rss) if len(holds) % 50 == 0 else peak

    watching = asyncio.get_running_loop().create_task(watch())
    began, busy = time.monotonic(), time.process_time()
    try:
        yield result
    finally:
        cpu, seconds = time.process_time() - busy, time.monotonic() - began
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        done = takers.records - records
        result |= {
            "records": done,
            "lookups": takers.lookups - lookups,
            "datagrams_per_record": round((takers.datagrams - datagrams) / max(1, done), 2),
            "seconds": round(seconds, 1),
            "cpu_s": round(cpu, 1),
            "cpu_ms_per_1000_records": round(1e6 * cpu / max(1, done)),
            "memory_grew_mb": round((peak - before) / 1e6, 1),
            "longest_hold_ms": round(1e3 * max(holds), 1),
            "holds_over_50_ms": sum(hold > 0.05 for hold in holds),
        }


async def measure(count: int) -> dict[str, Any]:
    """Everything, in one new folder."""
    rng, clock, identity = random.Random(1), DayClock(), SigningKey.generate()  # noqa: S311  # chooses studies
    takers = Takers(rng)
    with tempfile.TemporaryDirectory() as name:
        node = Node(Path(name), identity, takers, clock)
        for start in range(0, count, PAGE):
            page = [study(number) for number in range(start, min(start + PAGE, count))]
            node.catalog.record("pacs", page, now=clock.now())
        result: dict[str, Any] = {"studies": count}
        async with measured(takers) as result["first_half"]:
            await publish_half(node, takers, count)
        node.database.close()
        node = Node(Path(name), identity, takers, clock)
        async with measured(takers) as result["after_restart"]:
            await node.publish()
        result["told_twice"] = takers.records - node.catalog.announced.count()
        result["database_mb"] = round((Path(name) / "node.db").stat().st_size / 1e6, 1)
        gone = [study(number).study_uid for number in rng.sample(range(count), int(VANISHED * count))]
        result["vanished"] = node.catalog.forget("pacs", gone, now=clock.now())
        async with measured(takers) as result["withdrawn"]:
            await node.publish()
        clock.ahead += 1.05 * REPUBLISH_INTERVAL
        async with measured(takers) as result["renewed"]:
            await node.publish()
        result["status"] = status(node)
        node.database.close()
    return result


async def publish_half(node: Node, takers: Takers, count: int) -> None:
    """Publish until there are more records than studies, and stop wherever that is."""
    publishing = asyncio.get_running_loop().create_task(node.publish())
    while takers.records < 1.3 * count and not publishing.done():  # noqa: ASYNC110  # there is no event for it
        await asyncio.sleep(0.1)
    publishing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await publishing


def status(node: Node) -> dict[str, Any]:
    """What `idas status` asks for, and how long that holds up the node."""
    began = time.thread_time()
    progress = node.publisher.progress()
    asked = time.thread_time()
    (held,) = node.catalog.counts()
    return {
        "unpublished": progress.unpublished,
        "records": progress.records,
        "studies": held.studies,
        "progress_ms": round(1e3 * (asked - began), 1),
        "counts_ms": round(1e3 * (time.thread_time() - asked), 2),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.measure_publishing", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--studies", type=int, default=375_000)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    args = parser.parse_args(arguments)
    result = asyncio.run(measure(args.studies))
    print(json.dumps(result) if args.json else json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
