"""Transfers as a table, and the result of one in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from idas_p2p.dashboard.tables import Records, Row, counted, rows_of, state, word
from idas_p2p.dashboard.text import UNKNOWN, duration, joined, number, size


def transfers_table(result: Mapping[str, Any], *, reveals: bool = True) -> RenderableType:
    """The answer of `idas transfers`.

    Args:
        result: `transfers`: number, direction (in, out), study_uid, peer, state, instances, total, failed (a count),
            bytes, wire_bytes, ratio, rate (bytes a second), seconds, left_seconds, path, reason.
        reveals: whether studies are named.
    """
    rows: list[tuple[str | Text, ...]] = [
        (
            word(row.get("number")),
            word(row.get("direction")),
            state(row.get("state")),
            word(row.get("peer")),
            _progress(row),
            size(row.get("bytes")),
            size(row.get("wire_bytes")),
            _ratio(row.get("ratio")),
            _rate(row.get("rate")),
            duration(row.get("seconds")),
            duration(row.get("left_seconds")),
            word(row.get("path")),
            word(row.get("reason") or ""),
            *([word(row.get("study_uid"))] if reveals else []),
        )
        for row in rows_of(result, "transfers")
    ]
    headings = ("NO", "WAY", "STATE", "PEER", "IMAGES", "SIZE", "ON WIRE", "RATIO", "RATE", "TIME", "LEFT", "PATH")
    numbers = ("NO", "IMAGES", "SIZE", "ON WIRE", "RATIO", "RATE", "TIME", "LEFT")
    records = Records((*headings, "REASON", *(["STUDY UID"] if reveals else [])), rows, numbers=numbers)
    return counted(records, "transfers", when_empty="No transfer yet.")


def retrieved_text(result: Mapping[str, Any]) -> Text:
    """The result of `idas get` in a sentence.

    Args:
        result: instances, failed (a list), bytes, wire_bytes, seconds, path, holders, differing.
    """
    words = (
        f"{number(result.get('instances'))} images, {size(result.get('bytes'))}"
        f" ({size(result.get('wire_bytes'))} on the wire) in {duration(result.get('seconds'))},"
        f" {word(result.get('path'))}, from {joined(result.get('holders'))}"
    )
    failed, differing = result.get("failed"), result.get("differing")
    if isinstance(failed, list) and failed:
        words += f"; {len(failed)} failed"
    if isinstance(differing, list) and differing:
        words += f"; another copy was left out, at {joined(differing)}"
    return Text(words)


def _ratio(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else UNKNOWN


def _rate(value: object) -> str:
    return f"{size(value)}/s" if isinstance(value, int | float) else UNKNOWN


def _progress(row: Row) -> str:
    words = f"{number(row.get('instances'))} of {number(row.get('total'))}"
    failed = row.get("failed")
    return f"{words}, {failed} failed" if isinstance(failed, int) and failed else words
