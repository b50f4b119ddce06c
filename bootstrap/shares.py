"""Who may send how much next: equal shares of what is scarce, and nothing kept from those who can use it.

Max-min fairness by progressive filling: every session's grant rises at the speed of its weight, until it has what it
wants or a limit it counts against is used up. Pure: sessions, limits and bytes go in, bytes come out.
Source: Bertsekas & Gallager, Data Networks, 2nd edition, section 6.5.2.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

ENOUGH: Final = 1.0  # bytes; what is less counts as nothing left


@dataclass(frozen=True, slots=True)
class Want:
    """What one session could use.

    Args:
        amount: bytes; infinite when it has been held back.
        weight: its speed; one over the number of sessions of the same node, so that nodes are equal, not sessions.
        limits: names of the limits it counts against.
    """

    amount: float
    weight: float
    limits: tuple[str, ...]


def allot(wants: Sequence[Want], capacity: Mapping[str, float]) -> list[float]:
    """Bytes for each session, in the order given.

    Args:
        wants: of the sessions that have something to send.
        capacity: bytes left under each limit; a limit without an entry limits nothing.
    """
    if _is_enough(wants, capacity):
        return [max(0.0, want.amount) for want in wants]
    grants = [0.0] * len(wants)
    left = dict(capacity)
    rising = {i: [name for name in want.limits if name in left] for i, want in enumerate(wants) if want.amount > 0}
    while rising:
        speed: defaultdict[str, float] = defaultdict(float)
        for i, names in rising.items():
            for name in names:
                speed[name] += wants[i].weight
        step = min(
            min((left[name] / speed[name] for name in speed), default=math.inf),
            min((wants[i].amount - grants[i]) / wants[i].weight for i in rising),
        )
        if math.isinf(step):  # nothing limits them
            for i in rising:
                grants[i] = math.inf
            return grants
        for i in rising:
            grants[i] += step * wants[i].weight
        for name in speed:
            left[name] -= step * speed[name]
        spent = {name for name in speed if left[name] <= ENOUGH}
        rising = {
            i: names for i, names in rising.items() if wants[i].amount - grants[i] > ENOUGH and spent.isdisjoint(names)
        }
    return grants


def _is_enough(wants: Sequence[Want], capacity: Mapping[str, float]) -> bool:
    """Whether nobody need be held: the usual case, and the quick one."""
    sums: defaultdict[str, float] = defaultdict(float)
    for want in wants:
        for name in want.limits:
            sums[name] += max(0.0, want.amount)
    return all(sums[name] <= capacity.get(name, math.inf) for name in sums)
