"""What the dashboard shows, as it was taken from the node.

Belongs here: holding answers of `overview` and `pulse`, also when the node does not answer. Not here: how they look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from idas_p2p.dashboard.tables import Row, rows_of


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The node at one moment.

    Args:
        whole: the latest answer of `overview`.
        taken_at: Unix seconds.
        trouble: why there is no newer one; empty when all is well.
    """

    whole: Mapping[str, Any] = field(default_factory=dict)
    taken_at: float = 0.0
    trouble: str = ""

    @property
    def status(self) -> Row:
        """The answer of `status`."""
        return self.part("status")

    def part(self, key: str) -> Row:
        """An object in the answer; empty when there is none."""
        part = self.whole.get(key)
        return part if isinstance(part, Mapping) else {}

    def rows(self, key: str) -> list[Row]:
        """A list of objects in the answer."""
        return rows_of(self.whole, key)

    def with_pulse(self, pulse: Mapping[str, Any], *, now: float) -> Snapshot:
        """The same with the parts of `pulse` renewed."""
        return replace(self, whole={**self.whole, **pulse}, taken_at=now, trouble="")

    def without_answer(self, trouble: str) -> Snapshot:
        """The same, when the node did not answer."""
        return replace(self, trouble=trouble)
