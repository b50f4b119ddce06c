"""The tables of the conformance statement, each from the code that decides: what is negotiated, asked, answered.

Belongs here: code to Markdown. Not here: the words around them (statement.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import UID

from idas_p2p.dicom import contexts, get_contexts, query_keys, statuses
from idas_p2p.dicom.charset import _PYTHON_CODECS
from idas_p2p.dicom.coercion import VRS
from idas_p2p.dicom.commitment import Reason
from idas_p2p.dicom.convert import TARGETS
from idas_p2p.dicom.negotiation import agreed
from idas_p2p.dicom.pixels import LOSSLESS
from idas_p2p.dicom.query_keys import TABLE, Level
from idas_p2p.dicom.server import HANDLERS
from idas_p2p.dicom.tls import SUITES

_ALONE = {"ISO_IR 192", "GB18030", "GBK", "GB2312"}  # PS3.3 C.12.1.1.2
MEANINGS = {
    statuses.OUT_OF_RESOURCES: "Refused: out of resources",
    statuses.UNABLE_TO_CALCULATE: "Refused: unable to calculate number of matches",
    statuses.UNABLE_TO_PERFORM: "Refused: unable to perform sub-operations",
    statuses.DESTINATION_UNKNOWN: "Refused: move destination unknown",
    statuses.DOES_NOT_MATCH: "Error: identifier or data set does not match SOP Class",
    statuses.UNABLE_TO_PROCESS: "Error: unable to process",
    statuses.DIFFERS: "Error: another version of the instance is kept",
    statuses.NOT_AUTHORIZED: "Refused: not authorized",
}
SUCCESSES = {
    "C-FIND": (statuses.PENDING, statuses.PENDING_WITHOUT_KEYS, statuses.SUCCESS, statuses.CANCELLED),
    "C-MOVE, C-GET": (statuses.PENDING, statuses.SUCCESS, statuses.INCOMPLETE, statuses.CANCELLED),
    "C-STORE": (statuses.SUCCESS, statuses.KEPT_FIRST),
}
WORDS = {
    statuses.PENDING: "Pending",
    statuses.PENDING_WITHOUT_KEYS: "Pending; an optional key was not supported",
    statuses.SUCCESS: "Success",
    statuses.CANCELLED: "Cancel",
    statuses.INCOMPLETE: "Warning: complete, with failures or warnings (C-STORE: the first version is kept)",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def named(uid: str) -> str:
    """The name of a UID in PS3.6, without remarks on its retirement."""
    name = UID(uid).name
    return "unnamed" if name == uid else name


def storage_classes() -> str:
    """Every storage SOP class, accepted as SCP and proposed as SCU."""
    rows = sorted((named(uid), uid) for uid in contexts.STORAGE)
    return table(("SOP Class", "SOP Class UID", "SCU", "SCP"), ((name, uid, "yes", "yes") for name, uid in rows))


def transfer_syntaxes() -> str:
    """Every transfer syntax of objects, and whether it can be brought to another one without loss."""
    rows = []
    for uid in sorted(contexts.TRANSFER_SYNTAXES, key=lambda one: [int(part) for part in one.split(".")]):
        is_native = uid in TARGETS or uid == contexts.BIG_ENDIAN
        kind = "native" if is_native else "lossless, decoded" if uid in LOSSLESS else "passed on as it is"
        asked = "yes" if uid in get_contexts.SYNTAXES else ""
        rows.append((named(uid), uid, kind, asked))
    return table(("Transfer Syntax", "UID", "for a peer that did not accept it", "proposed in C-GET"), rows)


def services() -> str:
    """The SOP classes that are not storage, with the roles."""
    of_archives = (contexts.FIND | contexts.MOVE | contexts.GET) - contexts.PATIENT_ROOT  # archives are asked by study
    as_scu = {contexts.VERIFICATION, contexts.COMMITMENT, *of_archives}
    as_scp = {uid for _, classes in HANDLERS.values() for uid in contexts.SERVICES if uid in classes}
    rows = sorted((named(uid), uid) for uid in contexts.SERVICES)
    return table(
        ("SOP Class", "SOP Class UID", "SCU", "SCP"),
        ((name, uid, "yes" if uid in as_scu else "no", "yes" if uid in as_scp else "no") for name, uid in rows),
    )


def service_contexts() -> str:
    """Presentation contexts of the services as acceptor."""
    rows = []
    for uid in sorted(contexts.SERVICES):
        for syntax in contexts.UNCOMPRESSED:
            rows.append((named(uid), uid, named(syntax), syntax, "SCP", "see 4.2.1.4"))
    head = ("Abstract Syntax", "UID", "Transfer Syntax", "UID", "Role", "Extended Negotiation")
    return table(head, rows)


def extended_negotiation() -> str:
    """What is agreed where a requestor asks for everything."""
    names = {
        contexts.FIND: (
            "relational queries",
            "combined date and time",
            "fuzzy matching of names",
            "time zone",
            "frames",
        ),
        contexts.MOVE | contexts.GET: ("relational retrieval", "frames"),
    }
    rows = []
    for classes, words in names.items():
        answers = agreed({uid: bytes([1] * len(words)) for uid in classes})
        for uid, answer in sorted(answers.items()):
            told = (f"{word}: {'yes' if flag else 'no'}" for word, flag in zip(words, answer, strict=True))
            rows.append((named(uid), "; ".join(told)))
    return table(("SOP Class", "Service-class-application-information"), rows)


def query_levels() -> str:
    """The keys of each level: type, matching, where values are from."""
    parts = []
    for level in Level:
        rows = [
            (key.keyword.replace(".", " > "), _tag(key.keyword), _vr(key.keyword), key.type, key.match, key.origin)
            for key in TABLE
            if key.level is level
        ]
        head = ("Attribute", "Tag", "VR", "Type", "Matching", "Value from")
        parts.append(f"**{level}**\n\n{table(head, rows)}")
    parts.append(f"Answers say as well: {', '.join(sorted(query_keys.ANSWERED))}.")
    return "\n\n".join(parts)


def _tag(path: str) -> str:
    tags = (int(tag_for_keyword(keyword) or 0) for keyword in path.split("."))
    return " > ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in tags)


def _vr(path: str) -> str:
    return str(dictionary_VR(int(tag_for_keyword(path.rpartition(".")[2]) or 0)))


def status_codes() -> str:
    """What each service may answer, and why."""
    parts = []
    for place, service in enumerate(("C-FIND", "C-MOVE, C-GET", "C-STORE")):
        reasons: dict[int, list[str]] = {}
        for error, row in statuses._STATUS.items():
            reasons.setdefault(row[place], []).append(error.code)
        rows = [(f"{code:04X}", WORDS[code], "") for code in SUCCESSES[service]]
        rows += [(f"{code:04X}", MEANINGS[code], ", ".join(sorted(names))) for code, names in sorted(reasons.items())]
        parts.append(f"**{service}**\n\n{table(('Status', 'Meaning', 'when (codes of the log)'), rows)}")
    return "\n\n".join(parts)


def commitment_reasons() -> str:
    """Failure reasons of storage commitment."""
    rows = ((f"{reason:04X}", reason.name.replace("_", " ").lower()) for reason in Reason)
    return table(("Failure Reason (0008,1197)", "Meaning"), rows)


def character_sets() -> str:
    """Specific Character Set values that are understood."""
    names = sorted(name for name in _PYTHON_CODECS if name)
    return table(
        ("Defined Term", "with code extensions"),
        ((name, "no" if name in _ALONE else name.replace("ISO_IR", "ISO 2022 IR")) for name in names),
    )


def tls_suites() -> str:
    """Cipher suites of TLS 1.2."""
    return "\n".join(f"- {name}" for name in SUITES)


def coerced_attributes() -> str:
    """Attributes that may be coerced."""
    return table(("Attribute", "Tag", "VR"), ((keyword, _tag(keyword), vr.decode()) for keyword, vr in VRS.items()))
