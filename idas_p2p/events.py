"""Log events with allowed fields, so that patient data cannot reach a log by habit.

Belongs here: naming an event and checking its fields. Not here: where the log goes (cli/logs.py).
Study UIDs and AE titles count as identifying and are not loggable; use a request number or a peer's NodeId.
"""

from __future__ import annotations

import logging
import traceback

from idas_p2p.errors import NotLoggable

logger = logging.getLogger("idas_p2p")

LOG_FIELDS = frozenset(
    {
        "address",  # host:port of this node or of a peer node, never of a workstation's user
        "archive",  # the name an operator gave to an archive
        "bytes",
        "count",
        "epoch",
        "failed",
        "ms",
        "next_step",
        "path",  # the kind of network path: direct, relay, ...
        "peer",  # NodeId, short form
        "reason",  # a code from errors.py or the name of a refusal
        "request",  # a request number
        "size",
        "task",
        "version",
        "where",  # file:line of a failure, without values
    }
)


def log_event(name: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log one event.

    Args:
        name: what happened, in snake_case.
        level: as in `logging`.
        fields: what is known about it; names from LOG_FIELDS only.

    Raises:
        NotLoggable: a field is not in LOG_FIELDS.
    """
    if unknown := fields.keys() - LOG_FIELDS:
        raise NotLoggable(", ".join(sorted(unknown)))
    logger.log(level, name, extra={"fields": fields})


def log_failure(name: str, error: BaseException, **fields: object) -> None:
    """Log an unexpected exception by type and place only: its text may hold patient data."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in reversed(frames[-6:]))
    log_event(name, level=logging.ERROR, reason=type(error).__name__, where=where, **fields)
