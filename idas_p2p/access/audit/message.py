"""A record as the XML that collectors of DICOM audit trails take.

Law: one message speaks of one patient, as the standard asks; a record that names several becomes several messages.
Belongs here: which participant is what. Not here: how it travels (syslog.py), the coded values (codes.py).
Source: PS3.15 A.5.1 (schema), A.5.2 (conventions), A.5.3 (messages); RFC 3881.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from idas_p2p.access.audit import codes
from idas_p2p.access.audit.codes import Code
from idas_p2p.access.audit.events import NAMES
from idas_p2p.access.audit.query_identifier import TRANSFER_SYNTAX, identifier_of
from idas_p2p.wire.audit import AuditRecord, By, Event, Kind, Side, Subject
from idas_p2p.wire.ids import NodeId

STUDY_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
NOBODY: Final = "<none>"
"""Where the schema wants a name and nobody is named."""
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 section 2.2

_PERSON, _SYSTEM = "1", "2"  # RFC 3881 section 5.5.1
_PATIENT, _REPORT, _RESOURCE = "1", "3", "13"  # section 5.5.2


@dataclass(frozen=True, slots=True)
class AuditSource:
    """The node that keeps the log."""

    node: NodeId
    institution: str
    aet: str


def messages(record: AuditRecord, source: AuditSource) -> list[bytes]:
    """A record as one XML document for each patient it names, at least one; UTF-8, without a declaration."""
    event = record.event
    patients = dict[tuple[str, str], list[Subject]]()
    for subject in event.subjects:
        patients.setdefault((subject.patient_id, subject.issuer), []).append(subject)
    return [_message(record, source, subjects) for subjects in patients.values() or [[]]]


def _message(record: AuditRecord, source: AuditSource, subjects: Sequence[Subject]) -> bytes:
    event, root = record.event, Element("AuditMessage")
    kind = Kind(event.kind)
    identification = SubElement(
        root,
        "EventIdentification",
        EventActionCode=codes.ACTIONS[kind],
        EventDateTime=timestamp(record.at_ms),
        EventOutcomeIndicator=str(event.outcome),
    )
    _coded(identification, "EventID", codes.EVENTS[kind])
    if event.code:
        meaning = codes.EVENT_TYPES.get(event.code, "")
        _coded(identification, "EventTypeCode", Code(str(event.code), meaning))
    if event.reason:
        SubElement(identification, "EventOutcomeDescription").text = _clean(event.reason)
    for participant in _participants(event, source):
        participant.add_to(root)
    audit_source = SubElement(
        root,
        "AuditSourceIdentification",
        AuditEnterpriseSiteID=_clean(source.institution),
        AuditSourceID=str(source.node),
    )
    _coded(audit_source, "AuditSourceTypeCode", codes.SOURCE_TYPE)
    _add_objects(root, event, subjects, source)
    return tostring(root, encoding="unicode").encode()


def timestamp(at_ms: int) -> str:
    """Milliseconds of Unix time in UTC as ISO 8601 and RFC 3339 write it."""
    moment = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(milliseconds=at_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Participant:
    """An ActiveParticipant."""

    user_id: str
    alternative: str = ""
    name: str = ""
    is_requestor: bool = False
    address: str = ""
    role: Code | None = None

    def add_to(self, root: Element) -> None:
        values = {"UserID": self.user_id, "AlternativeUserID": self.alternative, "UserName": self.name}
        element = SubElement(root, "ActiveParticipant", {key: _clean(value) for key, value in values.items() if value})
        element.set("UserIsRequestor", "true" if self.is_requestor else "false")
        if self.address:
            element.set("NetworkAccessPointID", _clean(self.address))
            element.set("NetworkAccessPointTypeCode", _kind_of(self.address))
        if self.role is not None:
            _coded(element, "RoleIDCode", self.role)


def _participants(event: Event, source: AuditSource) -> list[_Participant]:
    kind, user = Kind(event.kind), _user(event)
    if kind is Kind.SIGN_IN:
        device = event.address or NOBODY
        person = _Participant(
            user_id=event.user or NOBODY, is_requestor=True, alternative=_known_by(event), address=device
        )
        return [person, _self(source)]
    if kind in (Kind.APPLICATION, Kind.LOG_USED, Kind.ALERT):
        role = codes.APPLICATION if kind is Kind.APPLICATION else None
        performers = user or ([_peer(event, None)] if event.node and kind is Kind.ALERT else [])
        return [_self(source, role, is_requestor=not user), *performers]
    theirs, ours = _ends(event, source)
    return [theirs, ours, *user]


def _ends(event: Event, source: AuditSource) -> tuple[_Participant, _Participant]:
    """Who is at the other end, and this node, with their roles: images come from a source, so do questions."""
    comes_in = event.kind == Kind.QUERY or (event.side == Side.REQUESTER and bool(event.node))
    theirs, ours = (codes.SOURCE, codes.DESTINATION) if comes_in else (codes.DESTINATION, codes.SOURCE)
    is_requestor = event.side == Side.HOLDER and not event.user
    if event.side == Side.NONE:  # a device stored into the archive of this node
        device = _Participant(user_id=event.aet or NOBODY, address=event.address, role=codes.SOURCE, is_requestor=True)
        return device, _self(source, codes.DESTINATION)
    if event.side == Side.REQUESTER and (event.kind == Kind.QUERY or not event.node):
        device = _Participant(
            user_id=event.aet or NOBODY, address=event.address, role=theirs, is_requestor=not event.user
        )
        return device, _self(source, ours)
    return _peer(event, theirs, is_requestor=is_requestor), _self(source, ours)


def _self(source: AuditSource, role: Code | None = None, *, is_requestor: bool = False) -> _Participant:
    return _Participant(
        user_id=str(source.node),
        alternative=f"AETITLES={source.aet}",
        name=source.institution,
        role=role,
        is_requestor=is_requestor,
    )


def _peer(event: Event, role: Code | None, *, is_requestor: bool = False) -> _Participant:
    node = str(NodeId(event.node)) if len(event.node) == 32 else NOBODY
    address = event.address if event.side != Side.REQUESTER else ""
    return _Participant(user_id=node, name=event.institution, address=address, role=role, is_requestor=is_requestor)


def _user(event: Event) -> list[_Participant]:
    if not event.user:
        return []
    address = event.address if event.side == Side.REQUESTER else ""
    return [_Participant(user_id=event.user, alternative=_known_by(event), is_requestor=True, address=address)]


def _known_by(event: Event) -> str:
    """How it is known who the user is, and at which device: a title alone is weak, and whoever reads it must see so."""
    device = f";AETITLE={event.aet}" if event.aet else ""
    return f"KNOWNBY={By(event.by).name.lower()}{device}"


def _add_objects(root: Element, event: Event, subjects: Sequence[Subject], source: AuditSource) -> None:
    if event.kind == Kind.QUERY:
        query = _object(root, STUDY_ROOT_FIND, _SYSTEM, _REPORT, codes.SOP_CLASS_UID)
        SubElement(query, "ParticipantObjectQuery").text = base64.b64encode(identifier_of(event.keys)).decode()
        _details(query, [("TransferSyntax", TRANSFER_SYNTAX)])
    elif event.kind == Kind.LOG_USED:
        log = _object(root, f"urn:idas:audit:{source.node}", _SYSTEM, _RESOURCE, codes.URI)
        SubElement(log, "ParticipantObjectName").text = "Security Audit Log"
        _details(log, [("Use", event.text)])
    elif event.kind == Kind.ALERT:
        node = str(NodeId(event.node)) if len(event.node) == 32 else str(source.node)
        alert = _object(root, node, _SYSTEM, _RESOURCE, codes.NODE_ID)
        _details(alert, [("Alert Description", event.text or event.reason)])
    for uid in dict.fromkeys(subject.study_uid for subject in subjects if subject.study_uid):
        study = _object(root, uid, _SYSTEM, _REPORT, codes.STUDY_UID)
        _details(study, _counts(event))
    if subjects:
        patient = _object(root, subjects[0].patient_id or NOBODY, _PERSON, _PATIENT, codes.PATIENT_NUMBER)
        _details(patient, [("IssuerOfPatientID", subjects[0].issuer)])


def _counts(event: Event) -> Iterable[tuple[str, str]]:
    yield "Level", event.level
    if event.kind in (Kind.BEGIN_TRANSFER, Kind.TRANSFERRED):
        if event.text.startswith(NAMES):
            yield "InstanceUIDs", event.text.removeprefix(NAMES)
        else:
            yield "Destination", event.text.removeprefix("to ")
    if event.transfer:
        yield "Transfer", str(event.transfer)
    if event.kind == Kind.TRANSFERRED:
        yield "Instances", str(event.instances)
        yield "Failed", str(event.failed)
        yield "Bytes", str(event.size)


def _object(root: Element, object_id: str, kind: str, role: str, id_type: Code) -> Element:
    element = SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_clean(object_id),
        ParticipantObjectTypeCode=kind,
        ParticipantObjectTypeCodeRole=role,
    )
    _coded(element, "ParticipantObjectIDTypeCode", id_type)
    return element


def _details(element: Element, pairs: Iterable[tuple[str, str]]) -> None:
    for key, value in pairs:
        if value:
            encoded = base64.b64encode(value.encode("utf-8", "replace")).decode()
            SubElement(element, "ParticipantObjectDetail", type=key, value=encoded)


def _coded(parent: Element, name: str, code: Code) -> None:
    values = {"csd-code": code.value, "codeSystemName": code.system, "originalText": code.meaning}
    SubElement(parent, name, values)


def _kind_of(address: str) -> str:
    """1: a name, 2: an IP address; RFC 3881 section 5.3.6."""
    try:
        ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "1"
    return "2"


def _clean(text: str) -> str:
    return _NOT_XML.sub("�", text)
