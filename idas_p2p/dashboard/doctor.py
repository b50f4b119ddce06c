"""What the doctor found: the worst first, each with its next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from idas_p2p.dashboard.text import printable

_LOOKS = {"fault": ("FAULT", "bold red"), "note": ("note ", "yellow"), "good": ("good ", "green")}
"""By verdict, the worst first."""


def findings_view(
    findings: Sequence[Mapping[str, Any]], counts: Mapping[str, int], *, shows_all: bool
) -> RenderableType:
    """The answer of `idas doctor`.

    Args:
        findings: part, said, name, verdict (`good`, `note`, `fault`), next_step.
        counts: findings by verdict.
        shows_all: whether what is well is shown too.
    """
    lines: list[RenderableType] = []
    for verdict in _LOOKS if shows_all else ("fault", "note"):
        for one in findings:
            if one.get("verdict") == verdict:
                lines += _finding(one, *_LOOKS[verdict])
    return Group(*lines, Text(_summary(counts), style="dim"))


def _finding(one: Mapping[str, Any], label: str, style: str) -> list[RenderableType]:
    name = f" [{printable(one['name'])}]" if one.get("name") else ""
    head = Text.assemble(
        (label, style),
        " ",
        (printable(one.get("part", "")), "bold"),
        ": ",
        printable(one.get("said", "")),
        (name, "dim"),
    )
    if not one.get("next_step"):
        return [head]
    return [head, Padding(Text(f"→ {printable(one['next_step'], limit=1_000)}"), (0, 0, 0, 6), expand=False)]


def _summary(counts: Mapping[str, int]) -> str:
    faults, notes = (counts.get(verdict, 0) for verdict in ("fault", "note"))
    if not faults + notes:
        return f"all is well: {counts.get('good', 0)} things looked at"
    words = [_plural(faults, "fault"), _plural(notes, "note")]
    return ", ".join([*words, f"{counts['good']} well"] if "good" in counts else words)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
