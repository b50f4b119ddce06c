"""Nodes come and go for hours without a word: is any record lost?

Belongs here: who goes when. Whoever goes never returns, and a stranger with nothing comes in the same moment; nobody
stays for ever. Nothing is read before the end, for reads repair.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from typing import Protocol

from idas_p2p.limits import REPUBLISH_INTERVAL
from tools.simulate_directory.figures import Figures
from tools.simulate_directory.plan import Federation, Plan
from tools.simulate_directory.scenario import Deaths

LOOK = 600.0  # seconds between two counts of what is held
READABLE = 30.0  # seconds that a node has been there before it is asked to read


class Living(Federation, Protocol):
    """A federation whose nodes come and go."""

    version: int

    async def join(self, number: int) -> None:
        """Start a node that is told of some others."""

    async def crash(self, number: int) -> None:
        """Turn a node off for good."""


class Churn(Deaths):
    """The scenario; `figures` are true at any time.

    Args:
        plan: what to do.
        federation: with whom.
        figures: where to put what is seen.
    """

    def __init__(self, plan: Plan, federation: Living, figures: Figures) -> None:
        super().__init__(plan, federation, figures)
        self._living_federation = federation
        self._since = dict.fromkeys(range(plan.nodes), 0.0)  # who is there, and since when

    async def run(self) -> None:
        """All of it."""
        await self.store()
        started = asyncio.get_running_loop().time()
        self._watch()
        async with asyncio.TaskGroup() as group:
            come_and_go = group.create_task(self._come_and_go())
            republish = group.create_task(self._republish())
            while asyncio.get_running_loop().time() < started + self._plan.hours * 3_600:
                await asyncio.sleep(LOOK)
                self._watch()
            come_and_go.cancel()
            republish.cancel()
        await self.read()

    async def _come_and_go(self) -> None:
        for number in itertools.count(self._plan.nodes):
            await asyncio.sleep(self._rng.expovariate(self._plan.nodes / self._plan.mean_session))
            gone = self._rng.choice(sorted(self._since))
            del self._since[gone]
            await self._living_federation.crash(gone)
            self._since[number] = asyncio.get_running_loop().time()
            await self._living_federation.join(number)
            self._figures.more["came_and_went"] = number - self._plan.nodes + 1

    async def _republish(self) -> None:
        """Renew all records when it is time, unless the end comes first."""
        for _ in range(math.ceil(self._plan.hours * 3_600 / REPUBLISH_INTERVAL) - 1):
            await asyncio.sleep(REPUBLISH_INTERVAL)
            self._living_federation.version += 1
            await self.store()

    def _watch(self) -> None:
        """Count who holds what, without asking anybody."""
        holders = [
            sum(self._federation.holds(node, record) for node in self._since) for record in range(self._plan.records)
        ]
        self._figures.lost = holders.count(0)
        self._figures.more["fewest_holders"] = min(min(holders), self._figures.more.get("fewest_holders", min(holders)))
        self._figures.more["holders_mean"] = sum(holders) / len(holders)

    def _living(self) -> list[int]:
        """Those who are there, and not only since a moment."""
        now = asyncio.get_running_loop().time()
        return [node for node, since in sorted(self._since.items()) if now - since > READABLE]
