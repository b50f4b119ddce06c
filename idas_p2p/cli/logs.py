"""Log events to lines on stderr, for people or as JSON.

Only events made by `events.log_event` are written with their content: their fields are on an allow-list. Of a record
from a library nothing but its origin and the type of its exception is written, because its text may hold patient
data; libraries known to log what they carry are silenced altogether.
"""

from __future__ import annotations

import datetime
import json
import logging
import sys
import threading
from typing import Any, Final, TextIO

from idas_p2p.dashboard.text import printable
from idas_p2p.events import log_failure
from idas_p2p.events import logger as event_logger

SILENCED: Final = ("pynetdicom", "pydicom", "kademlia", "rpcudp", "aiortc", "aioice", "sqlalchemy")
_NO_LEVEL: Final = logging.CRITICAL + 1
_COLOURS: Final = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m", "INFO": "\x1b[32m"}
_RESET: Final = "\x1b[0m"


def configure_logging(stream: TextIO, *, as_json: bool, level: int = logging.INFO) -> None:
    """Send every event of this process to `stream` and silence the libraries.

    Args:
        stream: usually stderr; colours are used when it is a terminal.
        as_json: one JSON object per line instead of words.
        level: the least important level written, as in `logging`.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if as_json else HumanFormatter(colour=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    event_logger.setLevel(level)
    for name in SILENCED:
        library = logging.getLogger(name)
        library.handlers[:] = [logging.NullHandler()]
        library.setLevel(_NO_LEVEL)
        library.propagate = False
    _catch_strays()


def _catch_strays() -> None:
    """Turn what Python itself would print to stderr, values included, into events: warnings, dead threads."""
    logging.captureWarnings(True)
    threading.excepthook = lambda stray: _log_stray("thread_failed", stray.exc_value)
    sys.unraisablehook = lambda stray: _log_stray("cleanup_failed", stray.exc_value)


def _log_stray(name: str, error: BaseException | None) -> None:
    if error is not None and not isinstance(error, SystemExit):
        log_failure(name, error)


def event_of(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    """The name and the fields that may be written of a record."""
    fields = getattr(record, "fields", None)
    if isinstance(fields, dict):
        return str(record.msg), fields
    origin: dict[str, Any] = {"logger": record.name, "where": f"{record.filename}:{record.lineno}"}
    if record.exc_info and record.exc_info[0]:
        origin["reason"] = record.exc_info[0].__name__
    return "library_message", origin


class HumanFormatter(logging.Formatter):
    """One event on one line: `INFO:     14:03:22 archive_harvested  archive=pacs count=12`.

    Args:
        colour: whether the level is coloured, as for a terminal.
    """

    def __init__(self, *, colour: bool = False) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """One line without its end; hostile values are escaped."""
        name, fields = event_of(record)
        label = f"{record.levelname}:"
        padding = " " * max(1, 10 - len(label))
        if self._colour and record.levelname in _COLOURS:
            label = f"{_COLOURS[record.levelname]}{label}{_RESET}"
        words = " ".join(f"{key}={_value(value)}" for key, value in fields.items())
        return f"{label}{padding}{_local_time(record):%H:%M:%S} {printable(name)}" + (f"  {words}" if words else "")


class JsonFormatter(logging.Formatter):
    """One event as one JSON object in ASCII: time (RFC 3339, UTC), level, event and the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line without its end."""
        name, fields = event_of(record)
        moment = datetime.datetime.fromtimestamp(record.created, tz=datetime.UTC)
        head = {"time": moment.isoformat(timespec="milliseconds"), "level": record.levelname.lower(), "event": name}
        return json.dumps({**head, **fields}, default=str)


def _value(value: object) -> str:
    """A value that is one word is written as it is, others in quotes."""
    text = f"{value:.3g}" if isinstance(value, float) else printable(value)
    if text and not set(text) & set(' "='):
        return text
    return '"' + text.replace('"', '\\"') + '"'


def _local_time(record: logging.LogRecord) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(record.created).astimezone()
