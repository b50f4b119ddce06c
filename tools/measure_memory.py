"""How much memory each node needs while a large study goes from one to the other and on to a workstation.

    python -m tools.measure_memory [--gigabytes 5] [--archive folder|orthanc] [--data FOLDER] --json

A noisy CT, repeated under new UIDs, goes whole from the holder's archive to DCMTK's storescp, which throws it away.
Needs twice as much disk as the study has, three times with Orthanc. A node's figure is the peak of its own resident
memory as the kernel counts it (VmHWM), and beside it, sampled, that of the node and its worker processes together,
shared pages once (PSS; proc(5)).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tools.copies import write_copies
from tools.dcmtk import Peer, StoreScp, missing
from tools.idas import Node
from tools.images import StudyFiles, study_of
from tools.noisy_ct import write_noisy_ct
from tools.orthanc import find_orthanc
from tools.pair import pair

MOST = 200.0  # MB; what was to be reached, of each node
SAMPLE_PAUSE = 0.5  # seconds between two looks at a node and its workers
PATIENCE = 7_200.0  # seconds for the whole study
SOURCES = 20  # slices that are made; the rest are copies


class Watch:
    """For the time of a `with` block: the most memory that each node and its workers held together, in MB."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory")
        self.most = dict.fromkeys(nodes, 0.0)
        self.workers = dict.fromkeys(nodes, 0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(SAMPLE_PAUSE):
            for name, node in self._nodes.items():
                process = psutil.Process(node.program.pid)
                family = [process, *process.children(recursive=True)]
                self.workers[name] = max(self.workers[name], len(family) - 1)
                self.most[name] = max(self.most[name], sum(map(_proportional, family)))


def _proportional(process: psutil.Process) -> float:
    """A process's share of memory in MB; 0 when it has just ended."""
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.Error:
        return 0.0


def peak_resident(node: Node) -> float:
    """The most resident memory that a node's process has ever had, in MB; proc(5), VmHWM."""
    status = Path(f"/proc/{node.program.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def measure(folder: Path, study: StudyFiles, *, archive: str) -> dict[str, Any]:
    """Let the study go by; megabytes of each node, before and at most."""
    with pair(folder, study, archive=archive) as nodes:
        viewer = StoreScp(folder / "viewer", aet="VIEWER", options=("+xa", "--ignore"))
        nodes.region.until_closed(viewer.stop)
        viewer.start()
        nodes.berg.do("workstation add", "--aet", viewer.aet, "--address", f"{viewer.host}:{viewer.port}")
        nodes.forget()  # reading the archive is not the transfer
        watched = {"holder": nodes.anna, "requester": nodes.berg}
        before = {name: peak_resident(node) for name, node in watched.items()}
        peer = Peer(port=nodes.berg.dicom_port, aet=nodes.berg.aet, calling=viewer.aet)
        with Watch(watched) as watch:
            started = time.monotonic()
            ended = peer.move(study.study_uid, to=viewer.aet, timeout=PATIENCE)
            seconds = time.monotonic() - started
        if ended.status:
            raise SystemExit(f"movescu ended with status {ended.status}")
        found = {
            name: {
                "idle_mb": round(before[name], 1),
                "peak_mb": round(peak_resident(node), 1),
                "peak_with_workers_mb": round(watch.most[name], 1),
                "workers": watch.workers[name],
            }
            for name, node in watched.items()
        }
    size = sum(path.stat().st_size for path in study.files)
    data = {"instances": len(study.files), "bytes": size, "archive": archive, "seconds": round(seconds, 1)}
    return {**data, **found, "at_most_mb": MOST, "reached": all(one["peak_mb"] <= MOST for one in found.values())}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure_memory", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=5.0, help="of images")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="DICOM files of one study to repeat")
    parser.add_argument("--archive", choices=("folder", "orthanc"), default="folder", help="where the holder has them")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    absent = [*missing(), *([] if options.archive == "folder" or find_orthanc() else ["Orthanc"])]
    if absent:
        print(f"not installed: {', '.join(absent)}; `tools/setup system` installs them", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="idas-memory-") as name:
        folder = Path(name)
        source = study_of(options.data) if options.data else write_noisy_ct(folder / "source", slices=SOURCES)
        each = sum(path.stat().st_size for path in source.files) / len(source.files)
        study = write_copies(folder / "images", source.files, count=max(1, round(options.gigabytes * 1e9 / each)))
        result = measure(folder, study, archive=options.archive)
    print(json.dumps(result) if options.json else "\n".join(f"{key:12} {value}" for key, value in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
