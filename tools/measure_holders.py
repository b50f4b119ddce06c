"""What a second holder gives: a study from one institution, and one like it from two, each on a slow line of its own.

    python -m tools.measure_holders [--rate 50] [--rtt 40] [--loss 0] [--data FOLDER] [--slices 150] [--runs 3] --json

Two holders sit behind lines of that rate, the one who asks behind a line without limit. One study lies at the first
holder alone, another with the same pixels under other noise at both; they are retrieved in turn, all nodes cold.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.bench.rounds import schedule
from tools.idas import Node, fetch
from tools.images import StudyFiles, set_of_files, study_of
from tools.lab import Lab, Site, Wan, why_not
from tools.noisy_ct import write_noisy_ct
from tools.pair import start_cold, wait_for_all, wait_idle
from tools.region import Region

ENOUGH = 1.8  # times as fast; what was to be reached
ONE, TWO = "one-holder", "two-holders"


@dataclass(frozen=True, slots=True)
class Three:
    """Anna and Carl hold, Berg asks."""

    sites: Mapping[str, Site]
    nodes: Mapping[str, Node]
    folder: Path

    def fetch(self, study: StudyFiles, holders: int) -> tuple[float, dict[str, Any]]:
        """One cold retrieval, compared with what the holders have; seconds, and what the node tells of it."""
        for name, node in self.nodes.items():
            with self.sites[name].inside():
                start_cold(node)
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            wait_for_all(self.nodes["berg"], study, holders=holders)
            wait_idle(self.nodes.values())
            seconds, told = fetch(self.nodes["berg"], study.study_uid, Path(out))
            if set_of_files(sorted(Path(out).iterdir())) != study.encoded():
                raise SystemExit("not every data set arrived as it was")
        return seconds, told


@contextmanager
def three(folder: Path, one: StudyFiles, both: StudyFiles, wan: Wan) -> Iterator[Three]:
    """Three institutions round a router; `one` lies at Anna, `both` at Anna and at Carl."""
    with Lab() as lab, ExitStack() as stack:
        sites = {name: lab.site(name) for name in ("anna", "carl", "berg")}
        middle = lab.star([(sites["anna"], wan), (sites["carl"], wan), (sites["berg"], Wan())])
        with middle.inside():
            region = stack.enter_context(Region(folder / "region", host=middle.addresses[0], log_level="info"))
        nodes = {}
        for name, site in sites.items():
            with site.inside():
                nodes[name] = region.node(name, host=site.address)
        for name, study in (("anna", one), ("anna", both), ("carl", both)):
            region.shelf(nodes[name], study.files[0].parent)
        wait_for_all(nodes["berg"], one)
        wait_for_all(nodes["berg"], both, holders=2)
        yield Three(sites, nodes, folder)


def measure(folder: Path, studies: Mapping[str, StudyFiles], wan: Wan, runs: int) -> dict[str, Any]:
    """Retrieve in turn.

    Returns:
        An object for each of `one-holder` and `two-holders`: `seconds`, `median`, `holders` as the node named them in
        the last run, `wire_bytes`; and `ratio`, how many times as fast two are.
    """
    taken: dict[str, list[float]] = {ONE: [], TWO: []}
    told: dict[str, dict[str, Any]] = {}
    with three(folder, studies[ONE], studies[TWO], wan) as institutions:
        for name in schedule([ONE, TWO], runs):
            seconds, told[name] = institutions.fetch(studies[name], 1 if name == ONE else 2)
            taken[name].append(round(seconds, 3))
            print(f"{name}: {seconds:.2f} s", file=sys.stderr, flush=True)
    result: dict[str, Any] = {
        name: {
            "seconds": seconds,
            "median": round(statistics.median(seconds), 3),
            "wire_bytes": told[name]["wire_bytes"],
            "holders": told[name]["holders"],
        }
        for name, seconds in taken.items()
    }
    ratio = result[ONE]["median"] / result[TWO]["median"]
    return {**result, "ratio": round(ratio, 3), "at_least": ENOUGH, "reached": ratio >= ENOUGH}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure_holders", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rate", type=float, default=50.0, help="Mbit/s of each holder's line")
    parser.add_argument("--rtt", type=float, default=40.0, help="round trip in ms")
    parser.add_argument("--loss", type=float, default=0.0, help="percent of packets, in each direction")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="uncompressed CT slices to take")
    parser.add_argument("--slices", type=int, default=150)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    if reason := why_not():
        print(f"no laboratory here: {reason}", file=sys.stderr)
        return 2
    like = study_of(options.data).files if options.data else ()
    wan = Wan(rate=options.rate * 1e6, rtt=options.rtt / 1e3, loss=options.loss / 100)
    with tempfile.TemporaryDirectory(prefix="idas-holders-") as name:
        folder = Path(name)
        studies = {
            kind: write_noisy_ct(folder / kind, like, slices=options.slices, seed=seed)
            for seed, kind in enumerate((ONE, TWO), 1)
        }
        result = measure(folder, studies, wan, options.runs)
    print(json.dumps(result) if options.json else "\n".join(f"{key:12} {value}" for key, value in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
