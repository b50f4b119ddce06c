"""Who runs when: round after round, each begun by another competitor, so that load and luck are shared.

Belongs here: order, and what becomes of one that fails. Not here: what a run is (competitors/base.py), what the
figures mean (report.py).
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from idas_p2p.errors import IdasError
from tools.bench.competitors import Changed, Competitor, Run
from tools.idas import CommandFailed
from tools.programs import NotReady

FAILURES = (Changed, CommandFailed, IdasError, NotReady, OSError, subprocess.SubprocessError)


@dataclass(slots=True)
class Result:
    """What one competitor did: all its runs, or why it has no time."""

    runs: list[Run] = field(default_factory=list)
    error: str | None = None


def schedule(names: Sequence[str], runs: int) -> Iterator[str]:
    """Every name once a round; each round begins one name later than the one before."""
    for number in range(runs):
        first = number % len(names)
        yield from (*names[first:], *names[:first])


def compete(
    competitors: Mapping[str, Competitor], runs: int, *, tell: Callable[[str], None] = lambda words: None
) -> dict[str, Result]:
    """Let every competitor run `runs` times, in turn. One that fails does not run again.

    Args:
        competitors: by name, ours first: others are told what ours did.
        runs: rounds.
        tell: given a line after each run.
    """
    results = {name: Result() for name in competitors}
    latest: dict[str, Run] = {}
    for name in schedule(list(competitors), runs):
        if results[name].error is not None:
            continue
        try:
            latest[name] = competitors[name].run(latest)
        except FAILURES as error:
            results[name].error = f"{type(error).__name__}: {error}"
            tell(f"{name}: {results[name].error}")
            continue
        results[name].runs.append(latest[name])
        tell(f"{name}: {latest[name].seconds:.2f} s")
    return results
