"""One line, one study: every competitor, in turn; exit status 1 when one did not deliver, 2 when it cannot run here."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import tools.bench
from tools.bench.competitors import ALL
from tools.bench.course import why_no_course
from tools.bench.measure import ARCHIVE_WAYS, measure, names_for
from tools.bench.report import Line, table
from tools.images import study_of
from tools.noisy_ct import write_noisy_ct

SLICES = 140  # of the study made when none is given


def main() -> int:
    """Measure and print."""
    options = _parser().parse_args()
    line = (
        Line(rate=0, rtt=0, loss=0) if options.loopback else Line(rate=options.rate, rtt=options.rtt, loss=options.loss)
    )
    names = names_for(line, options.only or ())
    if reason := why_no_course(on_loopback=line.is_loopback, needs_web="dicomweb" in names):
        print(f"no benchmark here: {reason}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="idas-bench-ct-") as folder:
        study = study_of(options.data) if options.data else write_noisy_ct(Path(folder), slices=SLICES)
        report = measure(study, line, names, options.runs, archive_way=options.archive_way, tell=_tell)
    print(json.dumps(report, indent=2) if options.json else table(report))
    if options.plot:
        from tools.bench.chart import draw

        draw([report], options.plot)
    return int(any("error" in report[name] for name in names))


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench",
        description=(tools.bench.__doc__ or "").split("\n\n")[0],
        epilog="NAME is one of " + "; ".join(f"{name}: {kind.words}" for name, kind in ALL.items()),
    )
    parser.add_argument("--rate", type=float, default=200.0, help="Mbit/s in each direction; 0 is no limit")
    parser.add_argument("--rtt", type=float, default=80.0, help="round trip in ms")
    parser.add_argument("--loss", type=float, default=0.0, help="percent of packets, in each direction")
    parser.add_argument("--loopback", action="store_true", help="no line at all; the same as three zeros")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="one study as DICOM files; default: a noisy CT")
    parser.add_argument("--runs", type=int, default=3, help="rounds")
    parser.add_argument("--only", nargs="+", choices=tuple(ALL), metavar="NAME", help="default: all for this line")
    parser.add_argument("--archive-way", choices=ARCHIVE_WAYS, default=ARCHIVE_WAYS[0], help="of our node: --prefer")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a bar chart as PNG")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
