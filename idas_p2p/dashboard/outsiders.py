"""Passes and emergencies as tables: who sees something that no ordinary rule gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from idas_p2p.dashboard.configuration import until
from idas_p2p.dashboard.studies import found_table
from idas_p2p.dashboard.tables import Records, counted, rows_of, state, word
from idas_p2p.dashboard.text import number


def passes_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas pass list`.

    Args:
        result: `passes`: label, state (open, used, expired, revoked), level, uses, begun and done (counts), expires
            (Unix seconds), study_uid.
    """
    rows = [
        (
            word(row.get("label")),
            state(row.get("state")),
            word(row.get("level")),
            f"{number(row.get('done'))} of {number(row.get('uses'))}",
            number(row.get("begun")),
            until(row.get("expires")),
            word(row.get("study_uid")),
        )
        for row in rows_of(result, "passes")
    ]
    records = Records(("PASS", "STATE", "LEVEL", "USED", "BEGUN", "UNTIL", "STUDY UID"), rows)
    return counted(records, "shares", when_empty="No pass yet; make one with: idas share")


def offered_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas fetch CODE --list`: as for `idas find`, of one study."""
    return found_table(result)


def emergencies_table(result: Mapping[str, Any], *, key: str = "emergencies") -> RenderableType:
    """The answer of `idas emergency list`, and with `opened` as the key that of `idas break-glass`.

    Args:
        result: a list of objects with number, side (holder, requester), state (open, ended), institution, user,
            patient_id, issuer, reason, until (Unix seconds).
        key: of the list.
    """
    rows = [
        (
            word(row.get("number")),
            state(row.get("state")),
            "of theirs, here" if row.get("side") == "holder" else "of ours, there",
            word(row.get("institution")),
            word(row.get("user")),
            word(row.get("patient_id")),
            word(row.get("issuer")),
            word(row.get("reason")),
            until(row.get("until")),
        )
        for row in rows_of(result, key)
    ]
    headings = ("NO", "STATE", "WHOSE", "INSTITUTION", "USER", "PATIENT", "ISSUER", "REASON", "UNTIL")
    return counted(Records(headings, rows, numbers=("NO",)), "emergencies", when_empty="No emergency.")
