"""Print which path two nodes find to one another, for pairs of kinds of network.

    python -m tools.natlab [--pair HOLDER ASKER]... [--plain] [--change WHAT] [--json]

Without --pair it is the whole matrix, which takes about twenty minutes. Each cell holds the path the images took,
the seconds until they began to arrive and the rate on the wire; `-` says that the study did not arrive byte-identical.
--plain adds the rate of a plain TCP socket through the same networks. --change has something happen to them when a
quarter of the study has come, and adds the longest time without images.
Needs root, iproute2, nftables and miniupnpd (`tools/setup system`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tools.idas import Bootstrap, CommandFailed, Node
from tools.lab import Wan, why_not
from tools.natlab.changes import MEANING as CHANGES
from tools.natlab.changes import Change, can_happen
from tools.natlab.kinds import MEANING, Kind, pairs
from tools.natlab.matrix import failures, table, verdict
from tools.natlab.networks import missing
from tools.natlab.trial import Cell, Stage
from tools.noisy_ct import write_noisy_ct
from tools.programs import NotReady

NOISE = 300.0  # HU: so much that coding gains little, and the rate is the line's


def main() -> int:
    """Measure and print; status 1 when a study did not arrive, 2 when there can be no laboratory here."""
    options = _parser().parse_args()
    if reason := why_not() or missing():
        print(f"no laboratory here: {reason}", file=sys.stderr)
        return 2
    chosen = [(Kind(holder), Kind(asker)) for holder, asker in options.pair or []] or list(pairs())
    if options.change:
        chosen = [pair for pair in chosen if can_happen(Change(options.change), *pair)]
    wan = Wan(rate=options.rate * 1e6, rtt=options.rtt / 2e3)
    cells: list[Cell] = []
    with tempfile.TemporaryDirectory(prefix="idas-natlab-") as name:
        study = write_noisy_ct(Path(name) / "images", slices=options.slices, noise=NOISE)
        change = Change(options.change) if options.change else None
        stage = Stage(Path(name), study, wan, options.patience, options.plain, change)
        nodes = stage.prepare()
        for holder, asker in chosen:
            cells.append(_cell(stage, nodes, holder, asker))
            print(f"{holder} -> {asker}: {verdict(cells[-1])} {cells[-1].reason}", file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps([asdict(cell) for cell in cells]))
    else:
        print(table(cells), *failures(cells), sep="\n")
    return 0 if all(cell.arrived for cell in cells) else 1


def _cell(stage: Stage, nodes: tuple[Bootstrap, Node, Node], holder: Kind, asker: Kind) -> Cell:
    """One pair; what cannot even be set up costs that cell alone."""
    try:
        return stage.try_pair(nodes, holder, asker)
    except (NotReady, CommandFailed, RuntimeError) as error:
        return Cell(holder=holder, asker=asker, reason=f"not set up: {str(error).splitlines()[0]}")


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {kind:14}{meaning}" for kind, meaning in MEANING.items())
    changes = "\n".join(f"  {change:20}{meaning}" for change, meaning in CHANGES.items())
    parser = argparse.ArgumentParser(
        prog="python -m tools.natlab",
        description=__doc__,
        epilog=f"kinds of network:\n{kinds}\n\nwhat may happen:\n{changes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pair", nargs=2, action="append", metavar=("HOLDER", "ASKER"), choices=list(Kind))
    parser.add_argument("--rate", type=float, default=100.0, help="Mbit/s of each access line; 0 is no limit")
    parser.add_argument("--rtt", type=float, default=40.0, help="ms between two nodes and back")
    parser.add_argument("--slices", type=int, default=40, help="images of 524 kB in the study")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds for finding the study")
    parser.add_argument("--plain", action="store_true", help="beside a plain TCP socket, where one gets through")
    parser.add_argument("--change", metavar="WHAT", choices=list(Change), help="what happens meanwhile, as below")
    parser.add_argument("--json", action="store_true", help="one JSON list of cells")
    return parser


if __name__ == "__main__":
    sys.exit(main())
