"""Many small files from node to node on loopback: instances a second.

    python -m tools.measure_small_files --data FOLDER [--instances 5460] [--runs 3] [--archive folder|orthanc] --json

The files of FOLDER, repeated under new UIDs, lie in a folder or in an Orthanc behind the one node; `idas get --out` at
the other takes them, cold each time, from the request until all are verified and files. Without --data it is a small MR
image that pydicom ships. `processor_ms` is what either node worked for an instance, its coders included: on a busy
machine it says more than the seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tools.copies import write_copies
from tools.idas import Node, fetch
from tools.images import StudyFiles, set_of_files, shipped, study_of
from tools.orthanc import find_orthanc
from tools.pair import Pair, pair

INSTANCES = 5_460
ENOUGH = 1_500.0  # instances a second; what was to be reached


def measure(folder: Path, study: StudyFiles, *, archive: str, runs: int) -> dict[str, Any]:
    """Retrieve the study `runs` times, cold.

    Returns:
        `seconds`, a list; `median`; `per_second`; `processor_ms` of holder and requester, the least of the runs;
        `wire_bytes` and `ratio` of the last run; `reached`.
    """
    with pair(folder, study, archive=archive) as nodes:
        seconds: list[float] = []
        told: dict[str, Any] = {}
        work = {"holder": float("inf"), "requester": float("inf")}
        for number in range(runs):
            out = folder / f"out-{number}"
            taken, told, worked = _once(nodes, study, out)
            seconds.append(round(taken, 3))
            work = {name: min(least, worked[name]) for name, least in work.items()}
    median, size = statistics.median(seconds), sum(path.stat().st_size for path in study.files)
    return {
        "instances": len(study.files),
        "bytes": size,
        "archive": archive,
        "seconds": seconds,
        "median": round(median, 3),
        "per_second": round(len(study.files) / median, 1),
        "processor_ms": {name: round(1_000 * spent / len(study.files), 3) for name, spent in work.items()},
        "at_least": ENOUGH,
        "reached": len(study.files) / median >= ENOUGH,
        "wire_bytes": told["wire_bytes"],
        "ratio": round(size / max(1, told["wire_bytes"]), 2),
    }


def _once(nodes: Pair, study: StudyFiles, out: Path) -> tuple[float, dict[str, Any], dict[str, float]]:
    nodes.forget()
    before = {"holder": processor_seconds(nodes.anna), "requester": processor_seconds(nodes.berg)}
    taken, told = fetch(nodes.berg, study.study_uid, out)
    after = {"holder": processor_seconds(nodes.anna), "requester": processor_seconds(nodes.berg)}
    if set_of_files(sorted(out.iterdir())) != study.encoded():
        raise SystemExit("not every data set arrived as it was")
    return taken, told, {name: after[name] - before[name] for name in after}


def processor_seconds(node: Node) -> float:
    """What a node and its workers have worked."""
    main = psutil.Process(node.program.pid)
    total = 0.0
    for process in (main, *main.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # a worker that has just ended
            times = process.cpu_times()
            total += times.user + times.system
    return total


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.measure_small_files", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="small DICOM files of one study")
    parser.add_argument("--instances", type=int, default=INSTANCES)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--archive", choices=("folder", "orthanc"), default="folder", help="where the holder has them")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    if options.archive == "orthanc" and find_orthanc() is None:
        print("Orthanc is not installed; `tools/setup system` installs it", file=sys.stderr)
        return 2
    files = study_of(options.data).files if options.data else shipped("MR_small.dcm")[0].files
    with tempfile.TemporaryDirectory(prefix="idas-small-") as name:
        study = write_copies(Path(name) / "images", files, count=options.instances)
        result = measure(Path(name), study, archive=options.archive, runs=options.runs)
    print(json.dumps(result) if options.json else "\n".join(f"{key:12} {value}" for key, value in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
