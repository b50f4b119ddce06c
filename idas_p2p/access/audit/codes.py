"""Coded values of audit messages.

Belongs here: the table. Not here: which message says what (message.py). Source: PS3.16 CID 400, 401, 402, 403 and 404;
RFC 3881 sections 5.1 to 5.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idas_p2p.wire.audit import Kind

DCM: Final = "DCM"
RFC: Final = "RFC-3881"


@dataclass(frozen=True, slots=True)
class Code:
    """A coded value: csd-code, codeSystemName, originalText."""

    value: str
    meaning: str
    system: str = DCM


EVENTS: Final = {
    Kind.APPLICATION: Code("110100", "Application Activity"),
    Kind.LOG_USED: Code("110101", "Audit Log Used"),
    Kind.BEGIN_TRANSFER: Code("110102", "Begin Transferring DICOM Instances"),
    Kind.TRANSFERRED: Code("110104", "DICOM Instances Transferred"),
    Kind.SHOWN: Code("110110", "Patient Record"),
    Kind.QUERY: Code("110112", "Query"),
    Kind.ALERT: Code("110113", "Security Alert"),
    Kind.SIGN_IN: Code("110114", "User Authentication"),
}
ACTIONS: Final = {
    Kind.APPLICATION: "E",
    Kind.LOG_USED: "R",
    Kind.BEGIN_TRANSFER: "E",
    Kind.TRANSFERRED: "R",  # whether the receiver had the instances before is not known
    Kind.SHOWN: "R",
    Kind.QUERY: "E",
    Kind.ALERT: "E",
    Kind.SIGN_IN: "E",
}
EVENT_TYPES: Final = {
    110_120: "Application Start",
    110_121: "Application Stop",
    110_122: "Login",
    110_123: "Logout",
    110_126: "Node Authentication",
    110_127: "Emergency Override Started",
    110_128: "Network Configuration",
    110_129: "Security Configuration",
    110_132: "Use of Restricted Function",
    110_133: "Audit Recording Stopped",
    110_136: "Security Roles Changed",
    110_137: "User security Attributes Changed",
    110_138: "Emergency Override Stopped",
}
APPLICATION: Final = Code("110150", "Application")
DESTINATION: Final = Code("110152", "Destination Role ID")
SOURCE: Final = Code("110153", "Source Role ID")
STUDY_UID: Final = Code("110180", "Study Instance UID")
SOP_CLASS_UID: Final = Code("110181", "SOP Class UID")
NODE_ID: Final = Code("110182", "Node ID")
PATIENT_NUMBER: Final = Code("2", "Patient Number", RFC)
URI: Final = Code("12", "URI", RFC)
SOURCE_TYPE: Final = Code("4", "Application Server", RFC)  # RFC 3881 section 5.4.3: application server process
