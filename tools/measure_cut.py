"""What a cut in the middle costs: seconds lost beyond the outage itself and the time to connect again.

    python -m tools.measure_cut [--kind reset|silence|kill] [--outage 0.5] [--rate 200] [--rtt 80] [--loss 0]
                                [--data FOLDER] [--slices 150] [--runs 3] --json

Retrievals without and with a cut run in turn, cold. The cut comes when the line has carried half of the bytes that it
carries without one: TCP connections are reset and none gets through for the outage (`reset`), packets vanish for as
long and connections live on (`silence`), or the holder's process is killed and started again, the outage being what
that takes (`kill`).
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.bench.course import LINE_DEVICES, bytes_of_devices
from tools.bench.rounds import schedule
from tools.idas import Node, fetch
from tools.images import StudyFiles, set_of_files, study_of
from tools.lab import Lab, Site, Wan, why_not
from tools.noisy_ct import write_noisy_ct
from tools.pair import start_cold, wait_for_all, wait_idle
from tools.region import Region

MOST = 1.0  # seconds lost; what was to be reached
PATIENCE = 600.0  # seconds until half of the study is there, or until connected again
VERDICTS = {"reset": "reject with tcp reset", "silence": "drop"}
KINDS = (*VERDICTS, "kill")
UNCUT, CUT = "uncut", "cut"
_ESTABLISHED = "01"  # proc(5), net/tcp


@dataclass(frozen=True, slots=True)
class Cut:
    """How and when a retrieval is cut."""

    kind: str
    outage: float  # seconds; of those that are not "kill"
    after: float  # bytes on the line


@dataclass(frozen=True, slots=True)
class Taken:
    """One retrieval."""

    seconds: float
    wire_bytes: int  # on the line, both directions, headers included
    outage: float = 0.0  # seconds
    reconnection: float = 0.0  # seconds from the end of the outage until a new connection to the holder stood


@dataclass(frozen=True, slots=True)
class Far:
    """Anna holds, Berg asks, a line lies between them."""

    hospital: Site
    practice: Site
    anna: Node
    berg: Node
    study: StudyFiles
    folder: Path

    def forget(self) -> None:
        """Start both anew, without what they kept of earlier transfers."""
        for site, node in ((self.hospital, self.anna), (self.practice, self.berg)):
            with site.inside():
                start_cold(node)
        wait_for_all(self.berg, self.study)
        wait_idle((self.anna, self.berg))

    def line_bytes(self) -> int:
        """Bytes that the line has carried so far, both directions."""
        with self.practice.inside():
            return bytes_of_devices(Path("/proc/thread-self/net/dev").read_text(), LINE_DEVICES)

    def fetch(self, cut: Cut | None) -> Taken:
        """One cold retrieval, cut or not, compared with what the holder has."""
        self.forget()
        before = self.line_bytes()
        with tempfile.TemporaryDirectory(dir=self.folder) as name, ThreadPoolExecutor(1) as side:
            out, over = Path(name), threading.Event()
            cutting = side.submit(self._cut, cut, before, over) if cut else None
            try:
                seconds, _ = fetch(self.berg, self.study.study_uid, out)
                carried = self.line_bytes() - before
            finally:
                over.set()
            if set_of_files(sorted(out.iterdir())) != self.study.encoded():
                raise SystemExit("not every data set arrived as it was")
            taken = Taken(seconds, carried)
            return replace(taken, outage=cutting.result()[0], reconnection=cutting.result()[1]) if cutting else taken

    def _cut(self, cut: Cut, before: int, over: threading.Event) -> tuple[float, float]:
        """Wait for the moment, cut, mend, wait for a connection; seconds of outage and of reconnection."""
        _wait(lambda: self.line_bytes() - before >= cut.after, over)
        old, begun = self._connections(), time.monotonic()
        if cut.kind == "kill":
            self.anna.kill()
            with self.hospital.inside():
                self.anna.start()
        else:
            with self.practice.inside(), line_cut(VERDICTS[cut.kind]):
                over.wait(cut.outage)
        mended = time.monotonic()
        if cut.kind == "silence":
            return mended - begun, 0.0
        _wait(lambda: self._connections() - old, over)
        return mended - begun, time.monotonic() - mended

    def _connections(self) -> set[str]:
        with self.practice.inside():
            return connections(Path("/proc/thread-self/net/tcp").read_text(), self.hospital.address)


def _half(uncut: list[Taken]) -> float:
    """Half of what the line carries without a cut, in bytes."""
    return statistics.median(taken.wire_bytes for taken in uncut) / 2


def _wait(condition: Any, over: threading.Event) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition() and not over.wait(0.002) and time.monotonic() < deadline:
        pass


def connections(table: str, host: str) -> set[str]:
    """The TCP connections to a host that stand, each by its two ends.

    Args:
        table: proc(5)'s net/tcp: addresses hexadecimal, the last byte first.
        host: IPv4.
    """
    wanted = ipaddress.IPv4Address(host).packed[::-1].hex().upper()
    rows = [line.split() for line in table.splitlines()[1:]]
    return {f"{row[1]} {row[2]}" for row in rows if row[2].split(":")[0] == wanted and row[3] == _ESTABLISHED}


@contextmanager
def line_cut(verdict: str) -> Iterator[None]:
    """Let nothing through the line's devices of this namespace for the time of a `with` block."""
    chains = "".join(
        f"chain {hook} {{ type filter hook {hook} priority 0;\n"
        f"{way} wan* meta l4proto tcp {verdict}\n{way} wan* drop\n}}\n"
        for hook, way in (("input", "iifname"), ("output", "oifname"))
    )
    rules = f"table inet idas_cut {{\n{chains}}}\n"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "idas_cut"], check=True)


@contextmanager
def far(folder: Path, study: StudyFiles, wan: Wan) -> Iterator[Far]:
    """Two institutions with a line between them, the study in a folder at the one, found by the other."""
    with Lab() as lab, ExitStack() as stack:
        hospital, practice = lab.site("anna"), lab.site("berg")
        lab.connect(hospital, practice, wan=wan)
        with hospital.inside():
            region = stack.enter_context(Region(folder / "region", host=hospital.address, log_level="info"))
            anna = region.node("anna", host=hospital.address)
        region.shelf(anna, study.files[0].parent)
        with practice.inside():
            berg = region.node("berg", host=practice.address)
        wait_for_all(berg, study)
        yield Far(hospital, practice, anna, berg, study, folder)


def summary(runs: dict[str, list[Taken]], kind: str) -> dict[str, Any]:
    """What the cut cost: `lost_s`, each cut run's seconds beyond the uncut median, its outage and its reconnection."""
    usual = statistics.median(taken.seconds for taken in runs[UNCUT])
    lost = [taken.seconds - usual - taken.outage - taken.reconnection for taken in runs[CUT]]
    sent = {name: statistics.median(taken.wire_bytes for taken in several) for name, several in runs.items()}
    return {
        "kind": kind,
        UNCUT: {"seconds": [round(taken.seconds, 3) for taken in runs[UNCUT]], "median": round(usual, 3)},
        CUT: {
            "seconds": [round(taken.seconds, 3) for taken in runs[CUT]],
            "outage_s": [round(taken.outage, 3) for taken in runs[CUT]],
            "reconnection_s": [round(taken.reconnection, 3) for taken in runs[CUT]],
        },
        "wire_bytes_more": int(sent[CUT] - sent[UNCUT]),
        "lost_s": [round(seconds, 3) for seconds in lost],
        "median_lost_s": round(statistics.median(lost), 3),
        "at_most": MOST,
        "reached": statistics.median(lost) <= MOST,
    }


def main() -> int:
    """Measure and print."""
    options = _parser().parse_args()
    if reason := why_not():
        print(f"no laboratory here: {reason}", file=sys.stderr)
        return 2
    wan = Wan(rate=options.rate * 1e6, rtt=options.rtt / 1e3, loss=options.loss / 100)
    like = study_of(options.data).files if options.data else ()
    runs: dict[str, list[Taken]] = {UNCUT: [], CUT: []}
    with tempfile.TemporaryDirectory(prefix="idas-cut-") as name:
        study = write_noisy_ct(Path(name) / "images", like, slices=options.slices)
        with far(Path(name), study, wan) as course:
            for which in schedule([UNCUT, CUT], options.runs):
                cut = Cut(options.kind, options.outage, _half(runs[UNCUT])) if which == CUT else None
                taken = course.fetch(cut)
                runs[which].append(taken)
                print(f"{which}: {taken.seconds:.2f} s", file=sys.stderr, flush=True)
    result = summary(runs, options.kind)
    print(json.dumps(result) if options.json else "\n".join(f"{key:16} {value}" for key, value in result.items()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.measure_cut", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0])
    parser.add_argument("--outage", type=float, default=0.5, help="seconds; not for `kill`")
    parser.add_argument("--rate", type=float, default=200.0, help="Mbit/s in each direction; 0 is no limit")
    parser.add_argument("--rtt", type=float, default=80.0, help="round trip in ms")
    parser.add_argument("--loss", type=float, default=0.0, help="percent of packets, in each direction")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="uncompressed CT slices to take")
    parser.add_argument("--slices", type=int, default=150)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main())
