"""The rules in force, what decides for someone, and what a change would do, for a person to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from idas_p2p.dashboard.configuration import until
from idas_p2p.dashboard.tables import Records, Row, counted, rows_of, word
from idas_p2p.dashboard.text import joined, number

SHOWN = 3  # studies named of each change; ours: --json names more


def rules_table(rules: Sequence[Row]) -> RenderableType:
    """The rules of `idas policy list`, first match first."""
    rows = [
        (
            word(row.get("origin")),
            joined(row.get("to")),
            word(row.get("studies")),
            f"{word(row.get('level'))}, in an emergency" if row.get("break_glass") else word(row.get("level")),
            until(row.get("expires")),
        )
        for row in rules
    ]
    records = Records(("RULE", "TO", "STUDIES", "LEVEL", "EXPIRES"), rows)
    return counted(records, "rules", when_empty="No rule yet: nothing is shared. Add one with: idas grant")


def explanation(document: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas policy explain`."""
    user = word(document.get("user")) if document.get("user") else "a user nobody named"
    rule = document.get("rule")
    decides = (
        f"{word(rule.get('origin'))} decides: {word(rule.get('level'))}"
        if isinstance(rule, Mapping)
        else "no rule matches: everything to the house's own users, nothing to others"
    )
    lines = [
        f"{user} at {word(document.get('node'))}: {word(document.get('level'))}",
        *([] if document.get("is_held") else ["this node holds no such study, which looks the same from outside"]),
        decides,
    ]
    rows = [
        (word(row.get("origin")), joined(row.get("to")), word(row.get("level")), word(row.get("why_not")))
        for row in rows_of(document, "earlier")
    ]
    table = Records(("RULE BEFORE IT", "TO", "LEVEL", "DOES NOT DECIDE"), rows) if rows else Text("no rule before it")
    return Group(*map(Text, lines), Text(""), table)


def changes_table(changes: Sequence[Row]) -> RenderableType:
    """The answer of `idas policy preview`."""
    rows = []
    for row in changes:
        uids = row.get("studies") or []
        more = f", and {number(row.get('count', 0) - SHOWN)} more" if row.get("count", 0) > SHOWN else ""
        rows.append(
            (
                word(row.get("to")),
                word(row.get("before")),
                word(row.get("after")),
                number(row.get("count")),
                joined(uids[:SHOWN]) + more,
            )
        )
    records = Records(("TO", "BEFORE", "AFTER", "STUDIES", "WHICH"), rows, numbers=("STUDIES",))
    return counted(records, "changes", when_empty="Nothing would change.")
