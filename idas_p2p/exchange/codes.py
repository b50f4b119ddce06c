"""Codes of errors as another node sends them, and the errors they stand for here.

Law: a code from outside becomes one of the errors below or a plain RemoteError; it never becomes an error of ours, nor
one that would make us try for ever. Source: docs/spec/exchange.md section 7.
"""

from __future__ import annotations

from typing import Final

from idas_p2p.errors import (
    AccessDenied,
    ArchiveFailed,
    ArchiveUnreachable,
    BadQuery,
    Busy,
    CannotConvert,
    IdasError,
    InstanceChanged,
    MalformedInstance,
    NodeStopping,
    NoEmergencyHere,
    PassExpired,
    PassRefused,
    PassRevoked,
    PassUsed,
    RemoteError,
    StudyNotFound,
    TicketRefused,
    TooManyMatches,
)

_KINDS: Final[tuple[type[IdasError], ...]] = (
    AccessDenied,
    ArchiveFailed,
    ArchiveUnreachable,
    BadQuery,
    Busy,
    CannotConvert,
    InstanceChanged,
    MalformedInstance,
    NodeStopping,
    NoEmergencyHere,
    PassExpired,
    PassRefused,
    PassRevoked,
    PassUsed,
    StudyNotFound,
    TicketRefused,
    TooManyMatches,
)
_BY_CODE: Final = {kind.code: kind for kind in _KINDS}


def error_of(code: str) -> IdasError:
    """The error that a code from another node stands for."""
    return _BY_CODE.get(code, RemoteError)()
