"""One node publishes very many records: what each stored replica costs, lookups included.

Belongs here: the measure. Not here: how records are placed (idas_p2p/directory/placing.py). The library stores one
value after another, so that its cost for each does not depend on how many there are: it is asked for fewer.
"""

from __future__ import annotations

import asyncio
import random

from tools.simulate_directory.figures import Figures, mean
from tools.simulate_directory.formation import Membership
from tools.simulate_directory.network import ACCOUNT, Account
from tools.simulate_directory.plan import Federation, Plan
from tools.simulate_directory.scenario import QUIET

SAMPLE = 200  # records whose holders are compared with the truth
PUBLISHER = 0  # number of the node


class Publication:
    """The scenario; `figures` are true at any time.

    Args:
        plan: what to do.
        federation: with whom.
        figures: where to put what is seen.
    """

    def __init__(self, plan: Plan, federation: Federation, figures: Figures) -> None:
        self._plan = plan
        self._federation = federation
        self._figures = figures
        self._account = Account()
        self._replicas = 0
        self._told = 0

    async def run(self) -> None:
        """All of it."""
        started = asyncio.get_running_loop().time()
        ACCOUNT.set(self._account)
        await self._federation.publish(PUBLISHER, self._plan.publish, self._note)
        self._figures.more["publication_s"] = asyncio.get_running_loop().time() - started
        await asyncio.sleep(QUIET)
        self._note(0, 0)
        self._check()

    def _note(self, records: int, replicas: int) -> None:
        """So many more records are stored so often."""
        self._told += records
        self._replicas += replicas
        self._figures.more["published"] = self._told
        if self._replicas:
            self._figures.bytes_per_replica = self._account.size / self._replicas
            self._figures.messages_per_replica = self._account.messages / self._replicas
            self._figures.replicas_per_record = self._replicas / self._told

    def _check(self) -> None:
        """Whether the nearest nodes hold what was published: as many of them as hold the average record."""
        members = Membership([int.from_bytes(kademlia_id, "big") for kademlia_id in self._federation.ids])
        everybody = [True] * self._plan.nodes
        count = round(self._figures.replicas_per_record or 0)
        sample = random.Random(self._plan.seed).sample(range(self._told), min(SAMPLE, self._told))  # noqa: S311
        right = []
        for record in sample:
            nearest = members.nearest(int.from_bytes(self._federation.key(record), "big"), count, everybody)
            right += [self._federation.holds(node, record) for node in nearest]
        self._figures.more["replicas_at_the_nearest"] = mean(right)
