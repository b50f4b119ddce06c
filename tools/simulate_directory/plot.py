"""Hops and messages of a read against the number of nodes, as a picture.

Belongs here: drawing. Needs matplotlib, which only the test extra brings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from tools.simulate_directory.figures import Figures

COLOURS = {"ours": "#1f6f8b", "stock": "#c8553d"}


def draw(runs: Sequence[Figures], path: Path) -> None:
    """Write the picture; a run that has no figure has no point."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (hops, messages) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for system in dict.fromkeys(run.system for run in runs):
        mine = sorted((run for run in runs if run.system == system), key=lambda run: run.nodes)
        for axes, name, label in (
            (hops, "hops_mean", f"{system}, mean"),
            (hops, "hops_p95", f"{system}, 95th percentile"),
            (messages, "messages_per_get", system),
        ):
            points = [(run.nodes, value) for run in mine if (value := getattr(run, name)) is not None]
            style = "--" if name == "hops_p95" else "-"
            axes.plot(*zip(*points, strict=True), style, marker="o", color=COLOURS.get(system), label=label)
    sizes = sorted({run.nodes for run in runs})
    slope = [math.log(size) / math.log(sizes[0]) for size in sizes]
    first = next(run.messages_per_get for run in runs if run.nodes == sizes[0] and run.messages_per_get)
    messages.plot(sizes, [first * share for share in slope], ":", color="grey", label="proportional to log N")
    for axes, label in ((hops, "hops of a read"), (messages, "datagrams caused by a read")):
        axes.set(xscale="log", xlabel="nodes", ylabel=label, ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
