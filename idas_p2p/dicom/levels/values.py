"""Values in place of others: some that say nothing, dates that were moved, UIDs of a project.

Law: a new value is of its VR, so that the object stays valid. Belongs here: one value. Not here: which attribute gets
one (deeds.py). Source: PS3.5 section 6.2; PS3.15 section E.1.1 on dummy values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from idas_p2p.dicom.levels.keys import Pseudonyms, shifted

TEXTS: Final = frozenset({b"LO", b"SH", b"ST", b"LT", b"UT", b"UC", b"PN"})
"""VRs in which a person is named, in the character set of the data set."""

_DUMMIES: Final = {
    b"AS": b"000Y",
    b"DA": b"20000101",
    b"DT": b"20000101000000",
    b"TM": b"000000",
    b"DS": b"0",
    b"IS": b"0",
    b"PN": b"REMOVED",
    b"ST": b"REMOVED",
    b"LT": b"REMOVED",
    b"UT": b"REMOVED",
    b"UC": b"REMOVED",
    b"UR": b"urn:removed",
    b"CS": b"REMOVED",
}
_CODES: Final = frozenset({b"LO", b"SH", b"AE"})
_PADDING: Final = b" \0"
MAX_LABEL: Final = 64  # bytes; what is longer is no number or label, and its code would say nothing either


def dummy(vr: bytes, raw: bytes, pseudonyms: Pseudonyms) -> bytes:
    """A value that says nothing; of numbers and labels a code, so that what differed still does."""
    if vr in _CODES:
        bare = raw.strip(_PADDING)
        return b"\\".join(map(pseudonyms.code, bare.split(b"\\"))) if 0 < len(bare) <= MAX_LABEL else b"REMOVED"
    if vr == b"UI":
        return uids(raw, pseudonyms)
    known = _DUMMIES.get(vr)
    return bytes(len(raw) or 2) if known is None else known


def uids(raw: bytes, pseudonyms: Pseudonyms) -> bytes:
    """UIDs in place of one or several."""
    bare = raw.strip(_PADDING)
    if b"\\" not in bare:
        return pseudonyms.uid(bare)
    return b"\\".join(pseudonyms.uid(one.strip(_PADDING)) for one in bare.split(b"\\"))


def moved(vr: bytes, raw: bytes, days: int) -> bytes:
    """Dates, or dates and times, moved by days; one that cannot be read becomes a dummy."""
    text = raw.decode("latin_1").strip(" \0")
    if not text:
        return b""
    parts = [shifted(part.strip(), days) for part in text.split("\\")]
    return "\\".join(parts).encode("latin_1") if all(parts) else _DUMMIES[vr]


def recoded(text: str, change: Callable[[str], str], codecs: tuple[str, ...]) -> bytes | None:
    """Decoded text after a change, in its character sets again; None when nothing changed.

    A text of which nothing is left, or that cannot be encoded, becomes a dummy: an empty one may not be valid.
    """
    changed = change(text)
    if changed == text:
        return None
    changed = changed if changed.strip("\\ ") else "REMOVED"
    for codec in codecs:
        try:
            return changed.encode(codec)
        except UnicodeEncodeError:
            continue
    try:
        return changed.encode("utf_8" if codecs == ("ascii",) else "ascii")
    except UnicodeEncodeError:
        return b"REMOVED"
