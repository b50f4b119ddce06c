"""Every error of this package as a DIMSE status, and every status of a sub-operation as an outcome.

Law: no error maps to success, warning or pending; an error without a row of its own is a failing test.
Source: PS3.4 Tables B.2-1, C.4-1, C.4-2 and C.4-3; PS3.7 Annex C.
"""

from __future__ import annotations

from typing import Final

from idas_p2p import errors
from idas_p2p.errors import IdasError

SUCCESS: Final = 0x0000
PENDING: Final = 0xFF00
PENDING_WITHOUT_KEYS: Final = 0xFF01  # matches go on; some optional keys are not supported, PS3.4 Table C.4-1
CANCELLED: Final = 0xFE00
INCOMPLETE: Final = 0xB000  # sub-operations complete, one or more failures or warnings
OUT_OF_RESOURCES: Final = 0xA700
UNABLE_TO_CALCULATE: Final = 0xA701  # number of matches
UNABLE_TO_PERFORM: Final = 0xA702  # sub-operations
DESTINATION_UNKNOWN: Final = 0xA801
DOES_NOT_MATCH: Final = 0xA900  # data set or identifier does not match SOP class
UNABLE_TO_PROCESS: Final = 0xC000
DIFFERS: Final = 0xC111  # another version of the instance is kept; ours, among PS3.4 Table B.2-1's "cannot understand"
KEPT_FIRST: Final = 0xB000  # the same as a warning; PS3.4 Table B.2-1's "coercion", whose Error Comment says more
NOT_AUTHORIZED: Final = 0x0124  # PS3.7 C.5.23
CLASS_NOT_SUPPORTED: Final = 0x0122
UNRECOGNIZED_OPERATION: Final = 0x0211
PROCESSING_FAILURE: Final = 0x0110  # of the N- services, as are the next four; PS3.7 Annex C
NO_SUCH_INSTANCE: Final = 0x0112
NO_SUCH_EVENT: Final = 0x0113
INVALID_ARGUMENT: Final = 0x0115
NO_SUCH_ACTION: Final = 0x0123


_STATUS: Final[dict[type[IdasError], tuple[int, int, int]]] = {
    # error                      C-FIND             C-MOVE, C-GET        C-STORE
    errors.LocalError: (UNABLE_TO_PROCESS, UNABLE_TO_PROCESS, UNABLE_TO_PROCESS),
    errors.RemoteError: (UNABLE_TO_PROCESS, UNABLE_TO_PROCESS, UNABLE_TO_PROCESS),
    errors.UserError: (UNABLE_TO_PROCESS, UNABLE_TO_PROCESS, UNABLE_TO_PROCESS),
    errors.Unreachable: (OUT_OF_RESOURCES, UNABLE_TO_PERFORM, OUT_OF_RESOURCES),
    errors.AccessDenied: (NOT_AUTHORIZED, NOT_AUTHORIZED, NOT_AUTHORIZED),
    errors.UnknownCaller: (NOT_AUTHORIZED, NOT_AUTHORIZED, NOT_AUTHORIZED),
    errors.SignInNeeded: (NOT_AUTHORIZED, NOT_AUTHORIZED, NOT_AUTHORIZED),
    errors.SignInRefused: (NOT_AUTHORIZED, NOT_AUTHORIZED, NOT_AUTHORIZED),
    errors.BadQuery: (DOES_NOT_MATCH, DOES_NOT_MATCH, DOES_NOT_MATCH),
    errors.TooManyMatches: (OUT_OF_RESOURCES, UNABLE_TO_PERFORM, UNABLE_TO_PROCESS),
    errors.UnknownDestination: (UNABLE_TO_PROCESS, DESTINATION_UNKNOWN, UNABLE_TO_PROCESS),
    errors.DestinationFailed: (UNABLE_TO_PROCESS, UNABLE_TO_PERFORM, UNABLE_TO_PROCESS),
    errors.MalformedInstance: (UNABLE_TO_PROCESS, UNABLE_TO_PROCESS, UNABLE_TO_PROCESS),
    errors.InstanceKept: (UNABLE_TO_PROCESS, UNABLE_TO_PROCESS, DIFFERS),
    errors.InstanceChanged: (UNABLE_TO_PROCESS, UNABLE_TO_PROCESS, UNABLE_TO_PROCESS),
    errors.NodeStopping: (OUT_OF_RESOURCES, UNABLE_TO_PERFORM, OUT_OF_RESOURCES),
    errors.SpoolFull: (OUT_OF_RESOURCES, UNABLE_TO_PERFORM, OUT_OF_RESOURCES),
}


def find_status(error: IdasError) -> int:
    """The final status of a C-FIND that failed so."""
    return _row(type(error))[0]


def retrieve_status(error: IdasError) -> int:
    """The final status of a C-MOVE or C-GET that failed so before anything was delivered."""
    return _row(type(error))[1]


def store_status(error: IdasError) -> int:
    """The status of a C-STORE that failed so."""
    return _row(type(error))[2]


def is_warning(status: int) -> bool:
    """Whether a C-STORE status means stored, with a remark: PS3.4 B.2.3 and PS3.7 C."""
    return status & 0xF000 == 0xB000 or status in {0x0001, 0x0107, 0x0116}


def _row(kind: type[IdasError]) -> tuple[int, int, int]:
    """The row of the nearest class in the error's line of descent."""
    for ancestor in kind.__mro__:
        if row := _STATUS.get(ancestor):
            return row
    return (UNABLE_TO_PROCESS, UNABLE_TO_PROCESS, UNABLE_TO_PROCESS)
