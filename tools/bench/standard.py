"""The standard set: every line with a goal, the study given, and a noisier one of 300 slices made from it.

    python -m tools.bench.standard [--data FOLDER] [--runs 3] [--plot FILE] [--write] --json

Only with --write are docs/performance.md and its chart touched.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.bench.chart import draw
from tools.bench.competitors import ALL
from tools.bench.course import why_no_course
from tools.bench.figures import block, with_figures
from tools.bench.measure import measure, names_for
from tools.bench.report import GOALS, Line, table
from tools.bench.rounds import FAILURES
from tools.images import StudyFiles, study_of
from tools.noisy_ct import SLICES, write_noisy_ct

LINES = (*GOALS, Line(rate=0, rtt=0, loss=0))
DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
CHART = DOCUMENT.with_name("performance.png")


@contextmanager
def studies(data: Path | None, slices: int) -> Iterator[list[StudyFiles]]:
    """The study given, when one is, and the noisier one."""
    with tempfile.TemporaryDirectory(prefix="idas-bench-ct-") as folder:
        given = [study_of(data)] if data else []
        like = given[0].files if given else ()
        yield [*given, write_noisy_ct(Path(folder), like, slices=slices)]


def main() -> int:
    """Measure all, print, and write where asked."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.standard", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="one CT study as DICOM files")
    parser.add_argument("--slices", type=int, default=SLICES, help="of the noisier study")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the bar chart as PNG")
    parser.add_argument("--write", action="store_true", help=f"put figures and chart into docs/{DOCUMENT.name}")
    parser.add_argument("--json", action="store_true", help="print one JSON document: a list of reports")
    options = parser.parse_args()
    if reason := why_no_course(on_loopback=False, needs_web=True):
        print(f"no benchmark here: {reason}", file=sys.stderr)
        return 2
    reports: list[dict[str, Any]] = []
    failed = False
    with studies(options.data, options.slices) as chosen:
        for study, line in itertools.product(chosen, LINES):
            print(f"{line.words}, {len(study.files)} instances", file=sys.stderr)
            try:
                report = measure(study, line, names_for(line), options.runs, tell=_tell)
            except FAILURES as error:  # one course that does not stand up does not cost the figures of the others
                _tell(f"no course: {error}")
                failed = True
                continue
            failed |= any("error" in report.get(name, {}) for name in ALL)
            reports.append(report)
            if not options.json:
                print(table(report), end="\n\n", flush=True)
    if options.json:
        print(json.dumps(reports, indent=2))
    for path in filter(None, (options.plot, CHART if options.write else None) if reports else ()):
        draw(reports, path)
    if options.write and reports:
        DOCUMENT.write_text(with_figures(DOCUMENT.read_text(), block(reports, chart=CHART.name)))
    return int(failed)


def _tell(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
