"""Nodes die at once, and everything that was stored is read by many others: the scenario of most figures.

Belongs here: the order of acts and what is measured of them. Not here: whose nodes they are.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from tools.simulate_directory.figures import Figures, mean, percentile
from tools.simulate_directory.formation import Membership
from tools.simulate_directory.loop import at_times
from tools.simulate_directory.network import ACCOUNT, Account
from tools.simulate_directory.plan import Federation, Plan, Read, Vice

WRITERS = 20  # that share the records
QUIET = 20.0  # seconds; what was begun has ended by then, late timers included
READS_PER_SECOND = 20.0
MAX_LOOKUPS = 500  # to compare with the truth


class Deaths:
    """The scenario; `figures` are true at any time, so that a run cut short tells what it saw.

    Args:
        plan: what to do.
        federation: with whom.
        figures: where to put what is seen.
    """

    def __init__(self, plan: Plan, federation: Federation, figures: Figures) -> None:
        self._plan = plan
        self._federation = federation
        self._figures = figures
        self._rng = random.Random(f"scenario {plan.seed}")  # noqa: S311  # no secrets here
        self._members = Membership([int.from_bytes(kademlia_id, "big") for kademlia_id in federation.ids])
        self._alive = [True] * plan.nodes
        self._accounts: list[Account] = []
        self._seconds: list[float] = []
        self._reads: list[Read] = []
        self._honest = [True] * plan.nodes

    async def run(self) -> None:
        """All of it."""
        self.corrupt()
        await self.store()
        self._figures.exact_k_before = await self.exactness()
        self.die()
        await self.read()
        self._figures.exact_k = await self.exactness()

    def corrupt(self) -> None:
        """A share of all nodes does evil, from the start."""
        hostile = self._rng.sample(range(self._plan.nodes), round(self._plan.hostile * self._plan.nodes))
        for place, node in enumerate(hostile):
            self._honest[node] = False
            self._federation.corrupt(node, list(Vice)[place % len(Vice)])

    async def store(self) -> None:
        """Some writers store all records."""
        account = Account()
        honest = self._living()
        writers = self._rng.sample(honest, min(WRITERS, len(honest)))
        shares = [range(place, self._plan.records, len(writers)) for place in range(len(writers))]

        async def write(writer: int, records: Sequence[int]) -> int:
            ACCOUNT.set(account)
            return await self._federation.store(writer, records)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(write(*pair)) for pair in zip(writers, shares, strict=True)]
        await asyncio.sleep(QUIET)
        replicas = sum(task.result() for task in tasks)
        if replicas:
            self._figures.bytes_per_replica = account.size / replicas
            self._figures.messages_per_replica = account.messages / replicas
            self._figures.replicas_per_record = replicas / self._plan.records

    def die(self) -> None:
        """A share of all nodes falls silent at once."""
        for node in self._rng.sample(range(self._plan.nodes), round(self._plan.dead * self._plan.nodes)):
            self._alive[node] = False
            self._federation.kill(node)
        living = self._living()
        records = range(self._plan.records)
        self._figures.lost = sum(not any(self._federation.holds(node, record) for node in living) for record in records)

    async def read(self) -> None:
        """Every record is read by some node alive, all within a while."""
        living = self._living()
        readers = [self._rng.choice(living) for _ in range(self._plan.records)]
        span = self._plan.records / READS_PER_SECOND
        times = sorted(self._rng.uniform(0, span) for _ in readers)

        async def read(record: int) -> None:
            account = Account()
            ACCOUNT.set(account)
            started = asyncio.get_running_loop().time()
            came = await self._federation.read(readers[record], record, account)
            self._seconds.append(asyncio.get_running_loop().time() - started)
            self._accounts.append(account)
            self._reads.append(came)
            self._sum_up()

        await at_times(times, read)
        await asyncio.sleep(QUIET)
        self._sum_up()

    async def exactness(self) -> float | None:
        """How often a lookup returns exactly the k nearest nodes alive; not asked where some make others up."""
        if self._plan.hostile:
            return None
        living = self._living()
        targets = [self._rng.randbytes(20) for _ in range(min(self._plan.records, MAX_LOOKUPS))]
        readers = [self._rng.choice(living) for _ in targets]

        async def look(number: int) -> bool:
            found = await self._federation.lookup(readers[number], targets[number])
            self._alive[readers[number]] = False  # a lookup is about the others
            truth = self._members.nearest(int.from_bytes(targets[number], "big"), self._plan.k, self._alive)
            self._alive[readers[number]] = True
            return found[: self._plan.k] == [self._federation.ids[node] for node in truth]

        span = len(targets) / READS_PER_SECOND
        right = await at_times(sorted(self._rng.uniform(0, span) for _ in targets), look)
        await asyncio.sleep(QUIET)
        return mean(right)

    def _living(self) -> list[int]:
        """The nodes alive that do as they should."""
        return [node for node in range(self._plan.nodes) if self._alive[node] and self._honest[node]]

    def _sum_up(self) -> None:
        figures = self._figures
        figures.reads = len(self._reads)
        figures.found = mean([came is Read.FOUND for came in self._reads])
        if self._plan.hostile or self._plan.churn:
            figures.forged = self._reads.count(Read.FORGED)
            figures.stale = self._reads.count(Read.STALE)
        figures.p50_s, figures.p95_s = percentile(self._seconds, 0.5), percentile(self._seconds, 0.95)
        pairs = zip(self._accounts, self._reads, strict=True)
        hops = [account.hops for account, came in pairs if came is Read.FOUND]
        figures.hops_mean, figures.hops_p95 = mean(hops), percentile(hops, 0.95)
        figures.messages_per_get = mean([account.messages for account in self._accounts])
        figures.bytes_per_get = mean([account.size for account in self._accounts])
