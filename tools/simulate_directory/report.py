"""Figures beside each other, for people.

Belongs here: the table. Not here: the figures (figures.py), the plot (plot.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tools.simulate_directory.figures import Figures

MEANING = {
    "end": "",
    "found": "share of reads that returned what was stored last",
    "forged": "reads that returned what nobody wrote",
    "stale": "reads that returned only what had been replaced",
    "lost": "records that no honest node alive holds",
    "reads": "reads, each by a node chosen by chance",
    "p50_s": "virtual seconds of a read, median",
    "p95_s": "... 95th percentile",
    "exact_k": "share of lookups that return exactly the k nearest nodes alive, in order",
    "exact_k_before": "... before nodes died",
    "hops_mean": "hops of a read",
    "hops_p95": "... 95th percentile",
    "messages_per_get": "datagrams sent by anybody because of a read",
    "bytes_per_get": "... their bytes",
    "replicas_per_record": "nodes that took a record",
    "messages_per_replica": "datagrams sent by anybody for each replica stored",
    "bytes_per_replica": "... their bytes",
    "virtual_s": "virtual seconds of the run",
    "real_s": "real seconds",
    "cpu_s": "processor seconds",
    "peak_mb": "peak memory of the process so far, MB",
}


def table_of(runs: Sequence[Figures], title: str) -> Table:
    """One column for each run."""
    table = Table(title=title)
    table.add_column("figure")
    for figures in runs:
        table.add_column(figures.system, justify="right")
    table.add_column("meaning")
    plain = [figures.to_json() for figures in runs]
    names = [*MEANING, *(name for name in dict.fromkeys(n for one in plain for n in one) if name not in MEANING)]
    for name in names:
        values = [one.get(name) for one in plain]
        if name not in ("system", "nodes", "seed", "scenario") and any(value is not None for value in values):
            table.add_row(name, *map(_shown, values), MEANING.get(name, ""))
    return table


def show(runs: Sequence[Figures], title: str) -> None:
    """Print them."""
    Console(width=140).print(table_of(runs, title))


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
