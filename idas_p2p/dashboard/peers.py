"""The other nodes of the federation, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from idas_p2p.dashboard.tables import Records, Row, counted, rows_of, state, word
from idas_p2p.dashboard.text import UNKNOWN, age


def peers_table(result: Mapping[str, Any], *, now: float) -> RenderableType:
    """The answer of `idas peers`.

    Args:
        result: `peers`: node_id, institution, aet, address, state, path, image_path, detours, rtt_ms,
            last_seen (Unix seconds).
        now: Unix seconds.
    """
    has_detours = any(_detours(row) for row in rows_of(result, "peers"))
    rows: list[tuple[str | Text, ...]] = [
        (
            word(row.get("institution")),
            state(row.get("state")),
            word(_path(row)),
            _milliseconds(row.get("rtt_ms")),
            age(row.get("last_seen"), now=now),
            word(row.get("address")),
            word(row.get("node_id")),
            *([word(_detours(row))] if has_detours else []),
        )
        for row in rows_of(result, "peers")
    ]
    columns = ("INSTITUTION", "STATE", "PATH", "ROUND TRIP", "SEEN", "ADDRESS", "NODE ID")
    records = Records((*columns, "NOT BY") if has_detours else columns, rows, numbers=("ROUND TRIP",))
    return counted(
        records, "peers", when_empty="No peer yet; found a federation or join one: idas federation, idas join"
    )


def members_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas federation members`: node_id, institution, admin, self."""
    rows = [(word(row.get("institution")), _role(row), word(row.get("node_id"))) for row in rows_of(result, "members")]
    records = Records(("INSTITUTION", "ROLE", "NODE ID"), rows)
    return counted(records, "members", when_empty="The federation has no member.")


def _role(row: Row) -> str:
    role = "administrator" if row.get("admin") else "member"
    return f"{role}, this node" if row.get("self") else role


def _path(row: Row) -> object:
    """The path of the link, and that of the last images where it was another."""
    path, image_path = row.get("path"), row.get("image_path")
    return f"{path or UNKNOWN}, images {image_path}" if image_path and image_path != path else path


def _detours(row: Row) -> str:
    """Paths that did not lead to a node, and why."""
    detours = row.get("detours")
    return "; ".join(f"{path}: {why}" for path, why in detours.items()) if isinstance(detours, Mapping) else ""


def _milliseconds(value: object) -> str:
    return f"{value:.0f} ms" if isinstance(value, int | float) else UNKNOWN
