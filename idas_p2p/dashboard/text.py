"""Values to words: hostile strings made harmless, sizes, durations and ages for people.

Belongs here: text that does not depend on where it is shown. Not here: tables and colours.
Every string that came from a peer, an archive or a workstation goes through `printable` before a person sees it.
"""

from __future__ import annotations

from collections.abc import Iterable

UNKNOWN = "–"
MAX_PRINTABLE = 256  # characters of one value; ours: a name of a megabyte must not fill a terminal
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def printable(value: object, *, limit: int = MAX_PRINTABLE) -> str:
    r"""Escape what could steer a terminal, break a line or turn the reading order.

    Control and format characters (ANSI sequences, newlines, bidirectional overrides, zero-width characters), lone
    surrogates and unassigned code points become `\xNN`, `\uNNNN` or `\UNNNNNNNN`.

    Args:
        value: anything; shown as `str` shows it.
        limit: the most characters kept; a longer text ends with an ellipsis.
    """
    text = str(value)
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:limit])
    return f"{shown}…" if len(text) > limit else shown


def joined(values: object) -> str:
    """A list of hostile strings on one line; anything else as `printable` shows it."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return UNKNOWN if values is None else printable(values)
    return ", ".join(printable(value) for value in values) or UNKNOWN


def size(count: object) -> str:
    """Bytes with a decimal unit and three digits: `512 B`, `73.2 MB`."""
    if not isinstance(count, int | float):
        return UNKNOWN
    amount = float(count)
    for unit in _UNITS:
        if amount < 999.5 or unit == _UNITS[-1]:
            break
        amount /= 1_000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.3g} {unit}"


def duration(seconds: object) -> str:
    """Seconds as `0.42 s`, `12.3 s`, `4 min 10 s`, `3 h 5 min` or `2 d 4 h`."""
    if not isinstance(seconds, int | float):
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = int(seconds)
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def age(moment: object, *, now: float) -> str:
    """How long ago a Unix time was: `12 s ago`; `never` for none."""
    if not isinstance(moment, int | float) or not moment:
        return "never"
    return f"{duration(max(0, int(now - moment)))} ago"


def number(value: object) -> str:
    """A count with thin separators; `–` when unknown."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else UNKNOWN
