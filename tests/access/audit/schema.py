"""The schema of PS3.15 A.5.1 as far as our messages use it: attributes of each element, children in their order."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

CODED = ({"csd-code", "codeSystemName", "originalText"}, {"displayName"}, [])
SHAPES: dict[str, tuple[set[str], set[str], list[tuple[str, int, int]]]] = {
    # element: attributes it must have, may have; children with how many there are at least and at most
    "AuditMessage": (
        set(),
        set(),
        [
            ("EventIdentification", 1, 1),
            ("ActiveParticipant", 1, 99),
            ("AuditSourceIdentification", 1, 1),
            ("ParticipantObjectIdentification", 0, 99),
        ],
    ),
    "EventIdentification": (
        {"EventActionCode", "EventDateTime", "EventOutcomeIndicator"},
        set(),
        [("EventID", 1, 1), ("EventTypeCode", 0, 9), ("EventOutcomeDescription", 0, 1)],
    ),
    "ActiveParticipant": (
        {"UserID", "UserIsRequestor"},
        {"AlternativeUserID", "UserName", "NetworkAccessPointID", "NetworkAccessPointTypeCode"},
        [("RoleIDCode", 0, 9)],
    ),
    "AuditSourceIdentification": ({"AuditSourceID"}, {"AuditEnterpriseSiteID"}, [("AuditSourceTypeCode", 0, 9)]),
    "ParticipantObjectIdentification": (
        {"ParticipantObjectID", "ParticipantObjectTypeCode", "ParticipantObjectTypeCodeRole"},
        {"ParticipantObjectDataLifeCycle", "ParticipantObjectSensitivity"},
        [
            ("ParticipantObjectIDTypeCode", 1, 1),
            ("ParticipantObjectName", 0, 1),
            ("ParticipantObjectQuery", 0, 1),
            ("ParticipantObjectDetail", 0, 99),
        ],
    ),
    "ParticipantObjectDetail": ({"type", "value"}, set(), []),
    "ParticipantObjectName": (set(), set(), []),
    "ParticipantObjectQuery": (set(), set(), []),
    "EventOutcomeDescription": (set(), set(), []),
    **dict.fromkeys(
        ("EventID", "EventTypeCode", "RoleIDCode", "AuditSourceTypeCode", "ParticipantObjectIDTypeCode"), CODED
    ),
}
VALUES = {
    "EventActionCode": "[CRUDE]",
    "EventDateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "EventOutcomeIndicator": "0|4|8|12",
    "UserIsRequestor": "true|false",
    "NetworkAccessPointTypeCode": "[1-5]",
    "ParticipantObjectTypeCode": "[1-4]",
    "ParticipantObjectTypeCodeRole": r"\d+",
    "csd-code": r"\d+",
    "originalText": ".+",
    "value": "[A-Za-z0-9+/]+={0,2}",
}


def check(element: Element) -> None:
    """Assert that an element and all in it have their shape."""
    must, may, children = SHAPES[element.tag]
    assert must <= set(element.keys()) <= must | may, element.tag
    for name, value in element.items():
        assert re.fullmatch(VALUES.get(name, r"(?s).*"), value), (element.tag, name, value)
    order = [name for name, _, _ in children]
    places = [order.index(child.tag) for child in element]
    assert places == sorted(places), element.tag
    for place, (name, least, most) in enumerate(children):
        assert least <= places.count(place) <= most, (element.tag, name)
    for child in element:
        check(child)
