"""What levels cost a study on its way from node to node: seconds and processor time beside those of `full`.

    python -m tools.measure_levels --data FOLDER [--instances 560] [--runs 3] --json

The files of FOLDER, repeated under new UIDs, lie in a folder behind the one node; the other takes them at each level in
turn, cold each time. `ratio` is how fast a level is beside full: by the medians of seconds, and by the least of what
both nodes worked, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from tools.copies import write_copies
from tools.idas import fetch
from tools.images import StudyFiles, study_of
from tools.measure_small_files import processor_seconds
from tools.pair import Pair, pair, start_cold, wait_idle

LEVELS: Final = ("full", "obscured", "deidentified")
PATIENCE: Final = 120.0  # seconds until a study is found at a level


def measure(folder: Path, study: StudyFiles, *, runs: int) -> dict[str, Any]:
    """Retrieve the study `runs` times at each level, the levels in turn.

    Returns:
        `seconds`, `median` and `processor_s` by level, and the two `ratio`s of each level to full.
    """
    seconds: dict[str, list[float]] = {level: [] for level in LEVELS}
    worked: dict[str, list[float]] = {level: [] for level in LEVELS}
    with pair(folder, study, archive="folder") as nodes:
        for number in range(runs):
            for level in LEVELS:
                study_uid = _at_level(nodes, level, instances=len(study.files))
                before = sum(processor_seconds(node) for node in (nodes.anna, nodes.berg))
                taken, _ = fetch(nodes.berg, study_uid, out := folder / f"out-{level}-{number}")
                worked[level].append(sum(processor_seconds(node) for node in (nodes.anna, nodes.berg)) - before)
                seconds[level].append(round(taken, 3))
                if len(list(out.iterdir())) != len(study.files):
                    raise SystemExit(f"not every instance came at level {level}")
    medians = {level: statistics.median(taken) for level, taken in seconds.items()}
    least = {level: min(work) for level, work in worked.items()}
    return {
        "seconds": seconds,
        "median": medians,
        "processor_s": {level: round(work, 3) for level, work in least.items()},
        "ratio": {level: round(medians["full"] / median, 3) for level, median in medians.items()},
        "ratio_processor": {level: round(least["full"] / work, 3) for level, work in least.items()},
    }


def _at_level(nodes: Pair, level: str, *, instances: int) -> str:
    """Share at a level and start both nodes cold; the UID by which the study goes then."""
    for grant in nodes.anna.ask("grants")["grants"]:
        nodes.anna.do("revoke", str(grant["number"]))
    nodes.anna.do("grant", "--to", "everyone", "--level", level)
    for node in (nodes.anna, nodes.berg):
        start_cold(node)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for found in nodes.berg.ask("find")["studies"]:
            if int(found["NumberOfStudyRelatedInstances"]) == instances:
                wait_idle((nodes.anna, nodes.berg))
                return str(found["StudyInstanceUID"])
        time.sleep(0.2)
    raise TimeoutError(f"the study was not found at level {level}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure_levels", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, metavar="FOLDER", required=True, help="DICOM files of one study")
    parser.add_argument("--instances", type=int, default=560)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="idas-levels-") as name:
        study = write_copies(Path(name) / "images", study_of(options.data).files, count=options.instances)
        result = measure(Path(name), study, runs=options.runs)
    print(json.dumps(result) if options.json else "\n".join(f"{key:16} {value}" for key, value in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
