"""The audit log as tables, and a verdict on it in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from idas_p2p.dashboard.tables import Records, Row, counted, rows_of, word
from idas_p2p.dashboard.text import printable

WEAK = "title"  # how a user is known who did not prove anything


def records_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas audit search`."""
    rows = [
        (
            word(row.get("number")),
            word(row.get("time")),
            word(row.get("type") or row.get("kind")),
            _outcome(row),
            _who(row),
            word(row.get("institution")),
            _about(row),
        )
        for row in rows_of(result, "records")
    ]
    table = Records(("NO", "TIME", "WHAT", "OUTCOME", "WHO", "INSTITUTION", "ABOUT"), rows, numbers=("NO",))
    return counted(table, "records", when_empty="No record matches.")


def accesses_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas audit who-saw`."""
    rows = [
        (
            word(row.get("time")),
            _who(row),
            word(row.get("institution")),
            word(row.get("saw")),
            _outcome(row),
            word(row.get("instances") or ""),
            word(row.get("level")),
            _studies(row),
        )
        for row in rows_of(result, "accesses")
    ]
    headings = ("TIME", "WHO", "INSTITUTION", "SAW", "OUTCOME", "IMAGES", "LEVEL", "STUDY UID")
    return counted(
        Records(headings, rows, numbers=("IMAGES",)), "accesses", when_empty="Nobody, as far as this log goes."
    )


def verdict_text(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas audit verify`."""
    lines = []
    if result.get("good"):
        lines.append(Text(f"The log is whole: records {result.get('first')} to {result.get('count')}.", style="green"))
    else:
        lines.append(Text("The log is not what it was.", style="bold red"))
    lines += [
        Text(f"  record {one.get('record')}: {printable(one.get('fault'))}: {printable(one.get('text'), limit=1_000)}")
        for one in rows_of(result, "findings")
    ]
    if let_go := result.get("let_go"):
        lines.append(Text(f"Records 1 to {let_go} were let go of as too old."))
    witnesses = [printable(name) for name in result.get("witnesses") or ()]
    told = f"Seen and signed by: {', '.join(witnesses)}." if witnesses else "No other node has signed it yet."
    lines.append(Text(told))
    lines += [
        Text(f"The log of {printable(one.get('peer'))} was not what it had signed: {one.get('doubt')}.", style="red")
        for one in rows_of(result, "doubted")
    ]
    return Group(*lines)


def _outcome(row: Row) -> Text:
    reason, outcome = printable(row.get("reason") or ""), printable(row.get("outcome") or "")
    return Text("ok") if outcome == "success" else Text(reason or outcome, style="red")


def _who(row: Row) -> Text:
    """The user and the device; a user nobody asked to prove anything is marked."""
    user, aet = printable(row.get("user") or ""), printable(row.get("aet") or "")
    weak = " (not proved)" if row.get("known_by") == WEAK and user else ""
    return Text(f"{user}{weak}{f' at {aet}' if aet else ''}" or "–")


def _about(row: Row) -> Text:
    query = " ".join(f"{printable(key)}={printable(value)}" for key, value in (row.get("query") or {}).items())
    counts = f"{row.get('instances')} images" if row.get("instances") else ""
    parts = (query, _studies(row).plain, counts, printable(row.get("text") or "", limit=500))
    return Text("; ".join(part for part in parts if part))


def _studies(row: Row) -> Text:
    studies = [one for one in row.get("studies") or () if isinstance(one, Mapping)]
    shown = [printable(one.get("study_uid") or one.get("patient_id") or "") for one in studies[:3]]
    more = f" and {len(studies) - 3} more" if len(studies) > 3 else ""
    return Text(", ".join(shown) + more)
