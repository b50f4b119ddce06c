"""Text of a data set to str and back, by its Specific Character Set (0008,0005).

Lenient on purpose: what an archive mislabels is still read as well as it can be, and never warns, since a warning
would print a patient's name. Unlike pydicom this decodes before it splits values, so that a backslash byte inside a
two-byte character (GB18030, GBK) stays what it is.

Belongs here: decoding. Not here: the choice of a set to answer in (answer_charset.py), what the text means
(identifiers.py).
Source: PS3.5 sections 6.1.2 and 6.1.3, PS3.3 section C.12.1.1.2.
"""

from __future__ import annotations

import re
from typing import Final

UTF_8: Final = "ISO_IR 192"
ASCII: Final = ""  # no Specific Character Set means ISO_IR 6

_PYTHON_CODECS: Final = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 58": "gb18030",
    "ISO_IR 87": "iso2022_jp",
    "ISO_IR 100": "latin_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 149": "euc_kr",
    "ISO_IR 159": "iso2022_jp_2",
    "ISO_IR 166": "iso8859_11",
    "ISO_IR 192": "utf_8",
    "ISO_IR 203": "iso8859_15",
    "GB18030": "gb18030",
    "GBK": "gb18030",  # GB18030 is a superset of both
    "GB2312": "gb18030",
}
_STAND_ALONE: Final = frozenset({"utf_8", "gb18030"})  # escape sequences mean nothing to these, PS3.3 C.12.1.1.2

_ESCAPES: Final = {
    b"(B": "ascii",
    b"(J": "shift_jis",
    b")I": "shift_jis",
    b"-A": "latin_1",
    b"-B": "iso8859_2",
    b"-C": "iso8859_3",
    b"-D": "iso8859_4",
    b"-F": "iso8859_7",
    b"-G": "iso8859_6",
    b"-H": "iso8859_8",
    b"-L": "iso8859_5",
    b"-M": "iso8859_9",
    b"-T": "iso8859_11",
    b"-b": "iso8859_15",
    b"$)A": "gb18030",
    b"$)C": "euc_kr",
    b"$B": "iso2022_jp",
    b"$(D": "iso2022_jp_2",
}
"""What follows ESC, and the codec of the bytes after it: PS3.3 Tables C.12-3 and C.12-4."""

_KEEPS_ESCAPE: Final = frozenset({"iso2022_jp", "iso2022_jp_2"})  # these Python codecs read the escape themselves
_FRAGMENT: Final = re.compile(rb"[^\x1b]+|\x1b[^\x1b]*")
_RESETS: Final = {True: re.compile(rb"[\\^=\r\n\t\f]"), False: re.compile(rb"[\\\r\n\t\f]")}
"""Characters after which the first character set holds again, in person names and elsewhere: PS3.5 6.1.2.5.3."""


def codecs_of(specific_character_set: str) -> tuple[str, ...]:
    """Python codecs of the values of Specific Character Set; never empty, unknown values left out."""
    values = specific_character_set.split("\\")
    names = [_PYTHON_CODECS.get(_normalised(value)) for value in values]
    first = names[0] or "ascii"
    if first in _STAND_ALONE and _normalised(values[0]) != "ISO_IR 58":
        return (first,)
    return (first, *(name for name in names[1:] if name))


def decode(raw: bytes, codecs: tuple[str, ...], *, is_name: bool = False) -> str:
    """Decode the value of one element, all its values together; undecodable bytes become U+FFFD.

    Args:
        raw: the element's bytes.
        codecs: from `codecs_of` of its data set.
        is_name: its VR is PN, so `^` and `=` end a code extension too.
    """
    if b"\x1b" not in raw or codecs[0] in _STAND_ALONE:
        return _decode_plain(raw, codecs[0])
    return "".join(_decode_fragment(part, codecs[0], _RESETS[is_name]) for part in _FRAGMENT.findall(raw))


def term_of(value: str) -> str | None:
    """The defined term that one value of Specific Character Set means, without code extensions; None when unknown."""
    name = _normalised(value)
    return name if name in _PYTHON_CODECS else None


def _normalised(value: str) -> str:
    """One spelling for the many of `ISO 2022 IR 100`, `ISO-IR 100`, `ISO_IR_100`."""
    text = " ".join(re.split(r"[ _-]+", value.strip().upper()))
    text = text.removeprefix("ISO 2022 ").removeprefix("ISO ")
    if text in {"58", "GB2312", "GBK", "GB18030"}:
        return "ISO_IR 58" if text == "58" else text
    return f"ISO_{text}" if text else ""


def _decode_plain(raw: bytes, codec: str) -> str:
    if codec != "ascii":
        return raw.decode(codec, errors="replace")
    try:  # undeclared: UTF-8 hardly ever decodes by accident, Latin-1 always does
        return raw.decode("utf_8")
    except UnicodeDecodeError:
        return raw.decode("latin_1")


def _decode_fragment(part: bytes, first: str, resets: re.Pattern[bytes]) -> str:
    """Decode bytes up to the next escape sequence; the first of them may be one."""
    if not part.startswith(b"\x1b"):
        return _decode_plain(part, first)
    escape = part[1:4] if part[1:4] in _ESCAPES else part[1:3]
    codec = _ESCAPES.get(escape)
    if codec is None:
        return _decode_plain(part[1:], first)
    if codec in _KEEPS_ESCAPE:
        return part.decode(codec, errors="replace")
    body = part[1 + len(escape) :]
    reset = resets.search(body) if codec != first else None
    end = reset.start() if reset else len(body)
    return _decode_plain(body[:end], codec) + _decode_plain(body[end:], first)
