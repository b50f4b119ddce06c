"""One run from its plan to its figures.

Belongs here: the loop, the network and what they cost. Not here: what happens in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import time
from collections.abc import Callable, Iterator

from tools.simulate_directory import memory, stock
from tools.simulate_directory.churn import Churn, Living
from tools.simulate_directory.figures import Figures
from tools.simulate_directory.loop import START, OutOfTime, run
from tools.simulate_directory.network import SimulatedNetwork, virtual_loop
from tools.simulate_directory.ours import Ours
from tools.simulate_directory.plan import Federation, Plan
from tools.simulate_directory.publishing import Publication
from tools.simulate_directory.scenario import Deaths
from tools.simulate_directory.whole import Whole, WholeStock

SETTLED: dict[str, Callable[[Plan, SimulatedNetwork], Federation]] = {"ours": Ours, "stock": stock.Stock}
WHOLE: dict[str, Callable[[Plan, SimulatedNetwork], Living]] = {"ours": Whole, "stock": WholeStock}


def simulate(system: str, plan: Plan, *, limit: float | None = None) -> Figures:
    """Run a plan; what took too long has the figures seen until then.

    Args:
        system: `ours` or `stock`.
        plan: what to simulate.
        limit: real seconds.
    """
    figures = Figures(system=system, nodes=plan.nodes, seed=plan.seed, scenario=plan.title)
    started, used = time.monotonic(), time.process_time()
    with without_collector(), memory.shared(), stock.in_virtual_time():
        try:
            run(lambda: _acts(system, plan, figures), limit=limit)
        except* OutOfTime as out:
            figures.end = str(out.exceptions[0])
    figures.real_s, figures.cpu_s = time.monotonic() - started, time.process_time() - used
    figures.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


async def _acts(system: str, plan: Plan, figures: Figures) -> None:
    network = SimulatedNetwork(virtual_loop(), seed=plan.seed, loss=plan.loss)
    try:
        await _scenario(system, plan, network, figures)
    finally:
        figures.virtual_s = asyncio.get_running_loop().time() - START


async def _scenario(system: str, plan: Plan, network: SimulatedNetwork, figures: Figures) -> None:
    if plan.churn:
        living = WHOLE[system](plan, network)
        await living.build()
        await Churn(plan, living, figures).run()
        return
    federation = WHOLE[system](plan, network) if plan.joined else SETTLED[system](plan, network)
    await federation.build()
    scenario = Publication if plan.publish else Deaths
    await scenario(plan, federation, figures).run()


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Nodes are full of cycles that live as long as the run; looking for garbage among them finds none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(700, 10, 10)
        gc.unfreeze()
