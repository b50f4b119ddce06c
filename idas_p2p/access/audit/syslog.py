"""Audit messages as syslog over TLS carries them.

Belongs here: the header and the framing. Not here: the connection (node/audit_sender.py).
Source: RFC 5424 section 6, RFC 5425 section 4.3, PS3.15 A.6.
"""

from __future__ import annotations

from typing import Final

from idas_p2p.access.audit.message import AuditSource, messages, timestamp
from idas_p2p.wire.audit import AuditRecord, Outcome

FACILITY: Final = 10  # security and authorization; PS3.15 A.6
MESSAGE_ID: Final = "DICOM+RFC3881"  # PS3.15 A.6
APP_NAME: Final = "idas"
MAX_HOST: Final = 255  # characters; RFC 5424 section 6.2.4
_SEVERITY: Final = {Outcome.MINOR_FAILURE: 4, Outcome.SERIOUS_FAILURE: 3, Outcome.MAJOR_FAILURE: 2}
_NOTICE: Final = 5  # normal but significant
_BOM: Final = b"\xef\xbb\xbf"


def syslog_frames(record: AuditRecord, source: AuditSource, *, host: str) -> bytes:
    """A record as the bytes of one or several syslog messages, each with its length in front.

    Args:
        record: what to tell.
        source: the node that keeps the log.
        host: the name of this machine.
    """
    priority = FACILITY * 8 + _SEVERITY.get(Outcome(record.event.outcome), _NOTICE)
    sequence = (record.number - 1) % (2**31 - 1) + 1  # RFC 5424 section 7.3.1
    header = (
        f"<{priority}>1 {timestamp(record.at_ms)} {_name(host)} {APP_NAME} - {MESSAGE_ID} "
        f'[meta sequenceId="{sequence}"] '
    ).encode()
    told = (header + _BOM + message for message in messages(record, source))
    return b"".join(b"%d %b" % (len(message), message) for message in told)


def _name(host: str) -> str:
    """PRINTUSASCII without spaces; a hyphen where there is none."""
    return "".join(char for char in host if "!" <= char <= "~")[:MAX_HOST] or "-"
