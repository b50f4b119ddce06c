"""How long a study takes from one hospital's Orthanc to another's storescp over a WAN: through two nodes, and without.

    python -m tools.bench --rate 200 --rtt 80 --loss 0 --data FOLDER [--runs 3] [--only NAME...] --json

Competitors: `idas`, movescu against the near node; `movescu`, plain DICOM, Orthanc storing over the WAN itself. All
peers run with TCP_NODELAY=1, for a win over a stalled peer is no win. Every byte received is compared with what the
archive gives on its own network; a competitor that changes one has no time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.dcmtk import Peer, StoreScp
from tools.idas import Node
from tools.images import Encoded, StudyFiles, study_of, write_ultrasound
from tools.lab import Lab, Site, Wan, why_not
from tools.orthanc import Orthanc
from tools.region import Region, wait_for_study

OURS = "idas"


class Changed(Exception):
    """A competitor did not deliver the bytes that the archive gives."""


@dataclass(frozen=True, slots=True)
class Course:
    """Two hospitals, set up once; every competitor runs the same study over the same link."""

    hospital: Site
    practice: Site
    orthanc: Orthanc
    near: Node  # the practice's node
    viewer: StoreScp
    study: StudyFiles
    expected: Mapping[str, Encoded]

    def idas(self) -> None:
        """C-MOVE from the practice's own node."""
        self._move(Peer(port=self.near.dicom_port, aet=self.near.aet, calling="VIEWER", host=self.near.host))

    def movescu(self) -> None:
        """C-MOVE from the hospital's archive, straight over the WAN."""
        self._move(Peer(port=self.orthanc.dicom_port, aet=self.orthanc.aet, calling="VIEWER", host=self.orthanc.host))

    def _move(self, peer: Peer) -> None:
        peer.move(self.study.study_uid, to=self.viewer.aet, timeout=3_600.0)

    def _forget_at_node(self) -> None:
        """Make every run the first: what the node keeps of earlier transfers, so as to resume them, is thrown away."""
        self.near.stop()
        shutil.rmtree(self.near.folder / "spool", ignore_errors=True)
        self.near.start()
        wait_for_study(self.near, self.study.study_uid)

    def run(self, competitor: Callable[[], None]) -> tuple[float, int]:
        """Let one competitor run once: seconds, and bytes on the practice's link in both directions.

        Raises:
            Changed: not every data set arrived, or one arrived changed.
        """
        self.viewer.forget()
        with self.practice.inside():
            self._forget_at_node()
            before, started = link_bytes(), time.monotonic()
            competitor()
            seconds, sent = time.monotonic() - started, link_bytes() - before
        if self.viewer.received() != self.expected:
            raise Changed
        return seconds, sent


def link_bytes() -> int:
    """Bytes received and sent so far on this site's WAN devices; proc(5), net/dev."""
    lines = Path("/proc/thread-self/net/dev").read_text().splitlines()
    fields = [line.split(":")[1].split() for line in lines if line.strip().startswith("wan")]
    return sum(int(words[0]) + int(words[8]) for words in fields)


@contextmanager
def course(folder: Path, study: StudyFiles, wan: Wan) -> Iterator[Course]:
    """Two hospitals with a link like `wan` between them, the study in one, found by the other."""
    with Lab() as lab, ExitStack() as stack:
        hospital, practice = lab.site("anna"), lab.site("berg")
        lab.connect(hospital, practice, wan=wan)
        viewer = StoreScp(folder / "viewer", aet="VIEWER", host=practice.address)
        stack.callback(viewer.stop)
        with practice.inside():
            viewer.start()
        with hospital.inside():
            region = stack.enter_context(Region(folder / "region", host=hospital.address))
            anna = region.node("anna", host=hospital.address)
            orthanc = region.orthanc(anna, study.files, modalities={"VIEWER": (viewer.host, viewer.port)})
            pacs = Peer(port=orthanc.dicom_port, aet=orthanc.aet, calling="VIEWER", host=orthanc.host)
            _, expected = pacs.get(study.study_uid, folder / "expected")
        with practice.inside():
            berg = region.node("berg", host=practice.address)
            berg.do("workstation add", "--aet", viewer.aet, "--address", f"{viewer.host}:{viewer.port}")
            wait_for_study(berg, study.study_uid)
        yield Course(hospital, practice, orthanc, berg, viewer, study, expected)


def compete(here: Course, names: list[str], runs: int) -> dict[str, Any]:
    """Let every competitor run in turn, `runs` times; its figures by name."""
    results: dict[str, Any] = {}
    for name in names:
        try:
            measured = [here.run(getattr(here, name)) for _ in range(runs)]
        except Changed:
            results[name] = {"error": "did not deliver the archive's bytes"}
            continue
        seconds = [round(taken, 3) for taken, _ in measured]
        results[name] = {
            "seconds": seconds,
            "median": round(statistics.median(seconds), 3),
            "wire_bytes": int(statistics.median(sent for _, sent in measured)),
        }
    ours = results.get(OURS, {}).get("median")
    for result in results.values():
        if ours and "median" in result:
            result["ratio"] = round(result["median"] / ours, 2)
    return results


def main() -> int:
    """Measure, and print one object per competitor."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rate", type=float, default=200.0, help="Mbit/s in each direction; 0 is no limit")
    parser.add_argument("--rtt", type=float, default=80.0, help="round trip in ms")
    parser.add_argument("--loss", type=float, default=0.0, help="percent of packets, in each direction")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="one study as DICOM files; default: an ultrasound")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=(OURS, "movescu"), default=[OURS, "movescu"], metavar="NAME")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    if reason := why_not():
        print(f"no laboratory here: {reason}", file=sys.stderr)
        return 2
    wan = Wan(rate=options.rate * 1e6, rtt=options.rtt / 1e3, loss=options.loss / 100)
    with tempfile.TemporaryDirectory(prefix="idas-bench-") as folder:
        study = study_of(options.data) if options.data else write_ultrasound(Path(folder) / "images", slices=140)
        with course(Path(folder), study, wan) as here:
            results = compete(here, options.only, options.runs)
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        for name, result in results.items():
            print(f"{name:10} {result.get('error') or ''}{result.get('median', '')} s  {result}")
    return int(any("error" in result for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
