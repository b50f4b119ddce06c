"""The administration of a federation as tables: administrators and votes, invitations, who waits for approval."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from idas_p2p.dashboard.tables import Records, Row, counted, rows_of, word
from idas_p2p.dashboard.text import UNKNOWN, number


def admins_view(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas federation admins`.

    Args:
        result: `admins`: node_id, institution, self; `proposals`: act, node_id, institution, votes, missing.
    """
    admins = Records(
        ("INSTITUTION", "THIS NODE", "NODE ID"),
        [
            (word(row.get("institution")), _yes(row.get("self")), word(row.get("node_id")))
            for row in rows_of(result, "admins")
        ],
    )
    table = counted(admins, "administrators", when_empty="No administrator.")
    proposals = rows_of(result, "proposals")
    if not proposals:
        return table
    votes = Records(
        ("PROPOSED", "NODE ID", "VOTES", "MISSING"),
        [(_proposed(row), word(row.get("node_id")), _votes(row), number(row.get("missing"))) for row in proposals],
    )
    return Group(table, Text(""), votes)


def invitations_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas federation invitations`: label, expires (Unix seconds), uses_left, used, approval."""
    rows = [
        (
            word(row.get("label")),
            _moment(row.get("expires")),
            number(row.get("uses_left")),
            _yes(row.get("used")),
            _yes(row.get("approval")),
        )
        for row in rows_of(result, "invitations")
    ]
    records = Records(("LABEL", "EXPIRES", "USES LEFT", "USED", "NEEDS APPROVAL"), rows, numbers=("USES LEFT",))
    return counted(records, "invitations", when_empty="No invitation; make one with: idas federation invite")


def requests_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas federation requests`: institution, node_id, asked (Unix seconds)."""
    rows = [
        (word(row.get("institution")), _moment(row.get("asked")), word(row.get("node_id")))
        for row in rows_of(result, "requests")
    ]
    records = Records(("INSTITUTION", "ASKED", "NODE ID"), rows)
    return counted(records, "nodes wait", when_empty="Nobody waits for approval.")


def _proposed(row: Row) -> str:
    act = "add" if row.get("act") == "add" else "remove"
    return f"{act} {word(row.get('institution'))}"


def _votes(row: Row) -> str:
    return ", ".join(word(vote.get("institution")) for vote in rows_of(row, "votes")) or UNKNOWN


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _moment(value: object) -> str:
    """A moment in UTC, to the minute."""
    if not isinstance(value, int | float):
        return UNKNOWN
    try:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, OSError, ValueError):
        return UNKNOWN
