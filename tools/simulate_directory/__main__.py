"""Simulate a federation's directory, ours and stock `kademlia` side by side.

python -m tools.simulate_directory --nodes 1000 --dead 0.3 --records 1000 --seed 1 --json
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from tools.simulate_directory.plan import Plan
from tools.simulate_directory.running import simulate


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.simulate_directory", description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--dead", type=float, default=0.3)
    parser.add_argument("--records", type=int, default=1_000)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--limit", type=float)
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    plan = Plan(nodes=args.nodes, dead=args.dead, records=args.records, k=args.k, seed=args.seed, loss=args.loss)
    figures = simulate("stock" if args.stock else "ours", plan, limit=args.limit)
    print(json.dumps(figures.to_json(), indent=None if args.json else 1))
    return 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets keep their order: the same seed gives the same figures
        os.execve(  # noqa: S606
            sys.executable,
            [sys.executable, "-m", "tools.simulate_directory", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    sys.exit(main())
