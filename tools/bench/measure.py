"""One measurement: a line, a study, some competitors, some rounds; the report."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tools.bench.competitors import ALL
from tools.bench.course import course
from tools.bench.report import Line, summary
from tools.bench.rounds import compete
from tools.images import StudyFiles
from tools.lab import Wan

ARCHIVE_WAYS = ("fastest", "move", "get", "dicomweb")


def measure(
    study: StudyFiles,
    line: Line,
    names: Sequence[str],
    runs: int,
    *,
    archive_way: str = ARCHIVE_WAYS[0],
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Set up the course, let everybody run, take it down; report.summary's report."""
    wan = None if line.is_loopback else Wan(rate=line.rate * 1e6, rtt=line.rtt / 1e3, loss=line.loss / 100)
    before = load()
    with (
        tempfile.TemporaryDirectory(prefix="idas-bench-") as folder,
        course(Path(folder), study, wan, archive_way=archive_way) as here,
    ):
        chosen = {name: ALL[name](here) for name in ALL if name in names}
        results = compete(chosen, runs, tell=tell)
    machine = {
        "processors": os.cpu_count() or 1,
        "load_before": before,
        "load_after": load(),
        "archive_way": archive_way,
    }
    data = {"instances": len(study.files), "bytes": sum(path.stat().st_size for path in study.files)}
    return summary(results, line, data=data, machine=machine)


def names_for(line: Line, only: Sequence[str] = ()) -> list[str]:
    """The competitors for a line: those asked for, or all that make sense on it."""
    return list(only) or [name for name, kind in ALL.items() if line.is_loopback or not kind.loopback_only]


def load() -> float:
    """Programs that wanted a processor, mean of the last minute."""
    return round(os.getloadavg()[0], 2)
