"""Words of a command line to values; each function is an argparse `type`.

A text that is no such value raises ArgumentTypeError, which argparse reports as a usage error (exit status 2).
Belongs here: the form of one argument. Not here: whether the thing it names exists.
"""

from __future__ import annotations

import datetime
import re
from argparse import ArgumentTypeError
from pathlib import Path

from idas_p2p.errors import IdasError
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.aet import MAX_AET_SIZE, is_aet
from idas_p2p.wire.http_proxy import HttpProxy

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|min|h|d|)")
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_NAME = re.compile(r"\w[\w .@+-]{0,62}\w|\w")
_UID = re.compile(r"[0-9.]{1,64}")  # PS3.5 section 9.1
MAX_TITLE = 64  # characters; institutions in wire/records.py
MAX_DURATION = 10 * 365 * 86_400  # seconds; ours: a longer one is a slip of the finger


class UsageError(Exception):
    """Arguments that are each well-formed but do not fit together; shown like argparse's own errors."""


def folder(text: str) -> Path:
    """A path, made absolute so that it means the same to the running node."""
    if not text:
        raise ArgumentTypeError("a folder's path is empty")
    return Path(text).expanduser().absolute()


def address(text: str) -> Address:
    """HOST:PORT or [IPv6]:PORT."""
    try:
        return Address.parse(text)
    except IdasError as error:
        raise ArgumentTypeError(error.detail) from None


def contact(text: str) -> Contact:
    """HOST:PORT/ID, as `python -m bootstrap init` prints it."""
    try:
        return Contact.parse(text)
    except IdasError as error:
        raise ArgumentTypeError(error.detail) from None


def proxy(text: str) -> str:
    """http://[USER:PASSWORD@]HOST:PORT, as it is."""
    try:
        HttpProxy.parse(text)
    except IdasError as error:
        raise ArgumentTypeError(error.detail) from None
    return text


def aet(text: str) -> str:
    r"""An AE title: 1 to 16 characters of ASCII, no backslash, no control characters; PS3.5 section 6.2."""
    stripped = text.strip(" ")
    if not is_aet(stripped):
        raise ArgumentTypeError(f"an AE title has 1 to {MAX_AET_SIZE} ASCII characters and no backslash")
    return stripped


def name(text: str) -> str:
    """A name of a thing configured here: 1 to 64 letters, digits and inner `.@+-_` or spaces."""
    if not _NAME.fullmatch(text):
        raise ArgumentTypeError("a name has 1 to 64 letters, digits and inner .@+-_ or spaces")
    return text


def title(text: str) -> str:
    """The name of an institution, a federation or a member: 1 to 64 printable characters."""
    shown = text.strip()
    if not 0 < len(shown) <= MAX_TITLE or not shown.isprintable():
        raise ArgumentTypeError(f"a name has 1 to {MAX_TITLE} printable characters")
    return shown


def uid(text: str) -> str:
    """A DICOM unique identifier."""
    if not _UID.fullmatch(text):
        raise ArgumentTypeError("a UID has 1 to 64 digits and dots")
    return text


def duration(text: str) -> float:
    """Seconds from `90`, `60s`, `5m`, `12h` or `7d`."""
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0 < seconds <= MAX_DURATION:
        raise ArgumentTypeError("a duration is a number above 0 and s, m, h or d, such as 60s or 7d")
    return seconds


def moment(text: str, *, now: float) -> float:
    """Unix seconds of a date, a date and time (local time where it names no zone), or a duration before now."""
    try:
        return datetime.datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        return now - duration(text)


def moment_text(text: str) -> str:
    """A text that `moment` reads, kept as it was written."""
    try:
        moment(text, now=0.0)
    except ArgumentTypeError:
        raise ArgumentTypeError("a time is 2026-11-01, 2026-11-01T14:30, or 7d for seven days ago") from None
    return text


def count(text: str) -> int:
    """A whole number from 1 to a million."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:8]) <= 1_000_000:
        raise ArgumentTypeError("a count is a whole number from 1 to 1000000")
    return int(text)


def query_key(text: str) -> tuple[str, str]:
    """KEY=VALUE; the key is checked with all others by `StudyQuery.of`."""
    keyword, equals, pattern = text.partition("=")
    if not equals or not keyword.isidentifier():
        raise ArgumentTypeError("a query key is written KEYWORD=VALUE, such as PatientID=123")
    return keyword, pattern


def subject(text: str) -> str:
    """A subject of a grant, checked for its form and kept as it was written."""
    from idas_p2p.access.subjects import parse_subject

    try:
        parse_subject(text)
    except IdasError as error:
        raise ArgumentTypeError(error.detail) from None
    return text
