"""What came out of a run: the figures, as JSON and beside each other.

Belongs here: names and summaries. Not here: measuring.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class Figures:
    """Of one federation in one scenario; None where the scenario does not tell."""

    system: str
    nodes: int
    seed: int
    scenario: str = ""
    end: str = "complete"  # or why it was cut short
    found: float | None = None  # share of reads that returned what was stored
    forged: int | None = None  # reads that returned what nobody wrote
    stale: int | None = None  # reads that returned only what had been replaced
    lost: int | None = None  # records that no node alive holds
    reads: int | None = None
    p50_s: float | None = None  # virtual seconds of a read
    p95_s: float | None = None
    exact_k: float | None = None  # share of lookups that return exactly the k nearest nodes alive
    exact_k_before: float | None = None  # the same, before nodes died
    hops_mean: float | None = None
    hops_p95: float | None = None
    messages_per_get: float | None = None  # sent by anybody because of the read
    bytes_per_get: float | None = None
    bytes_per_replica: float | None = None  # sent by anybody while storing, by replicas acknowledged
    messages_per_replica: float | None = None
    replicas_per_record: float | None = None
    more: dict[str, Any] = field(default_factory=dict)
    virtual_s: float = 0.0
    real_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """For JSON, rounded."""
        plain = asdict(self)
        plain |= plain.pop("more")
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in plain.items()}


def from_json(plain: Mapping[str, Any]) -> Figures:
    """What `to_json` gave; what only one scenario tells is in `more`."""
    known = {name: value for name, value in plain.items() if name in Figures.__slots__}
    return Figures(**known, more={name: value for name, value in plain.items() if name not in known})


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of the values does not exceed."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def mean(values: Sequence[float]) -> float | None:
    """The mean, or None of nothing."""
    return sum(values) / len(values) if values else None
