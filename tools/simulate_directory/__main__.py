"""Simulate a federation's directory, ours and stock `kademlia` beside it on the same scenario and seed.

    python -m tools.simulate_directory --nodes 1000 --dead 0.3 --records 1000            both, as a table
    python -m tools.simulate_directory --nodes 1000 --dead 0.3 --records 1000 --json     ours as JSON; --stock: stock
    python -m tools.simulate_directory --nodes 1000 --hostile 0.1 --dead 0
    python -m tools.simulate_directory --nodes 200 --churn --hours 24
    python -m tools.simulate_directory --nodes 1000 --publish 100000
    python -m tools.simulate_directory --sweep 100,1000,10000 --plot lookups.png

Time is virtual; the same command gives the same figures, real seconds and memory apart.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from idas_p2p.limits import DIRECTORY_K
from tools.simulate_directory.figures import Figures, from_json
from tools.simulate_directory.plan import Plan
from tools.simulate_directory.plot import draw
from tools.simulate_directory.report import show
from tools.simulate_directory.running import simulate

STOCK_LIMIT = 300.0  # real seconds that the library gets unless told: in some scenarios its messages never end


def parser() -> argparse.ArgumentParser:
    """The command line."""
    defaults = Plan()
    made = argparse.ArgumentParser(
        prog="python -m tools.simulate_directory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--nodes", type=int, default=defaults.nodes)
    add("--dead", type=float, default=defaults.dead, help="share that dies at once, after everything was stored")
    add("--records", type=int, default=defaults.records, help="stored by 20 nodes, each read once")
    add("--k", type=int, default=DIRECTORY_K, help="contacts in a bucket and nodes that a lookup finds")
    add("--hostile", type=float, default=0.0, help="share that drops, lies, is stale, floods or misleads")
    add("--loss", type=float, default=0.0, help="share of datagrams that get lost")
    add("--seed", type=int, default=1)
    add("--churn", action="store_true", help="nodes come and go without a word, instead of dying at once")
    add("--hours", type=float, default=defaults.hours, help="virtual hours of churn")
    add("--session", type=float, default=defaults.session, help="median hours that a node stays")
    add("--publish", type=int, default=0, metavar="RECORDS", help="from one node; nothing else is done")
    add("--joined", action="store_true", help="nodes join by themselves instead of starting with full buckets")
    add("--sweep", metavar="N,N,...", help="several sizes, one after another")
    add("--stock", action="store_true", help="stock kademlia alone")
    add("--ours", action="store_true", help="ours alone")
    add("--limit", type=float, help=f"real seconds of one run (stock: {STOCK_LIMIT:g} unless told)")
    add("--plot", type=Path, metavar="FILE.png", help="hops and messages against the number of nodes")
    add("--draw", type=Path, metavar="RUNS.json", help="run nothing: plot what runs with --json printed")
    add("--json", action="store_true", help="one object for each run; ours alone unless --stock")
    return made


def plan_of(args: argparse.Namespace) -> Plan:
    """The scenario that the command line asks for."""
    names = (
        "nodes",
        "dead",
        "records",
        "k",
        "hostile",
        "loss",
        "seed",
        "churn",
        "hours",
        "session",
        "publish",
        "joined",
    )
    return Plan(**{name: getattr(args, name) for name in names})


def main() -> int:
    """Run what the command line asks for."""
    args = parser().parse_args()
    if args.draw:
        draw([from_json(json.loads(line)) for line in args.draw.read_text().splitlines()], args.plot)
        return 0
    plan = plan_of(args)
    sizes = [int(size) for size in args.sweep.split(",")] if args.sweep else [plan.nodes]
    systems = ["stock"] if args.stock else ["ours"] if args.ours or (args.json and not args.plot) else ["ours", "stock"]
    runs: list[Figures] = []
    for size in sizes:
        here: list[Figures] = []
        for system in systems:
            limit = args.limit if args.limit or system == "ours" else STOCK_LIMIT
            here.append(simulate(system, replace(plan, nodes=size), limit=limit))
            if args.json:
                print(json.dumps(here[-1].to_json()), flush=True)
        if not args.json:
            show(here, f"{here[0].scenario}, {size} nodes, seed {plan.seed}")
        runs += here
    if args.plot:
        draw(runs, args.plot)
    return 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets keep their order: the same seed gives the same figures
        os.execve(  # noqa: S606
            sys.executable,
            [sys.executable, "-m", "tools.simulate_directory", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    sys.exit(main())
