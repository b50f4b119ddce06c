"""What is configured at this node, as tables."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from rich.console import RenderableType

from idas_p2p.dashboard.tables import Records, Row, counted, word
from idas_p2p.dashboard.text import duration, joined, number


def archives_table(archives: Sequence[Row]) -> RenderableType:
    """The archives of `idas archive list`."""
    rows = [
        (
            word(row.get("name")),
            word(row.get("kind")),
            word(row.get("aet")),
            joined([where for key in ("address", "folder", "dicomweb") if (where := row.get(key))]),
            duration(row.get("poll_seconds")),
            word(row.get("prefer")),
        )
        for row in archives
    ]
    records = Records(("NAME", "KIND", "AET", "WHERE", "POLL", "PREFERS"), rows)
    return counted(records, "archives", when_empty="No archive yet; add one with: idas archive add")


def workstations_table(workstations: Sequence[Row]) -> RenderableType:
    """The workstations of `idas workstation list`."""
    rows = [
        (
            word(row.get("aet")),
            word(row.get("address")),
            word(row.get("user")),
            _known_by(row),
        )
        for row in workstations
    ]
    records = Records(("AET", "ADDRESS", "USER", "KNOWN BY"), rows)
    return counted(records, "workstations", when_empty="No workstation yet; add one with: idas workstation add")


def _known_by(row: Row) -> str:
    """How a workstation, and with it its user, is recognised."""
    if row.get("certificate"):
        return "its certificate" if row.get("user") else "its certificate, and whoever signs in"
    return "weak: title and address alone" if row.get("user") else "whoever signs in"


def users_table(users: Sequence[Row]) -> RenderableType:
    """The accounts of `idas user list`."""
    rows = [(word(row.get("name")), joined(row.get("groups")), number(row.get("wrong_passwords", 0))) for row in users]
    records = Records(("NAME", "GROUPS", "WRONG PASSWORDS"), rows, numbers=("WRONG PASSWORDS",))
    return counted(records, "users", when_empty="No user yet; add one with: idas user add")


def groups_table(groups: Sequence[Row]) -> RenderableType:
    """The groups of `idas group list`."""
    rows = [(word(row.get("name")), joined(row.get("members"))) for row in groups]
    return counted(
        Records(("GROUP", "MEMBERS"), rows), "groups", when_empty="No group yet; add one with: idas group add"
    )


def grants_table(grants: Sequence[Row]) -> RenderableType:
    """The rules of `idas grants`, first match first."""
    rows = [
        (
            str(row.get("number")),
            word(row.get("subject")),
            word(row.get("level")),
            _conditions(row.get("conditions")),
            until(row.get("expires")),
        )
        for row in grants
    ]
    records = Records(("NUMBER", "TO", "LEVEL", "STUDIES", "EXPIRES"), rows, numbers=("NUMBER",))
    return counted(records, "grants", when_empty="No grant yet: nothing is shared. Add one with: idas grant")


def labels_table(labels: Sequence[Row]) -> RenderableType:
    """The labels of `idas label list`."""
    rows = [tuple(word(row.get(key)) for key in ("label", "kind", "name", "issuer")) for row in labels]
    records = Records(("LABEL", "ON", "WHICH", "ISSUER"), rows)
    return counted(records, "labels", when_empty="No label yet; add one with: idas label add")


def tokens_table(tokens: Sequence[Row]) -> RenderableType:
    """The statements of `idas group tokens`."""
    rows = [
        (
            word(row.get("kind")),
            word(row.get("group")),
            word(row.get("member")),
            until(row.get("until")),
            "taken back" if row.get("withdrawn") else "said" if row.get("stored") else "not yet told",
        )
        for row in tokens
    ]
    records = Records(("SAYS", "GROUP", "WHO", "UNTIL", "STATE"), rows)
    return counted(records, "statements", when_empty="Nothing said yet; put users into a group with: idas group add")


def _conditions(conditions: object) -> str:
    if not isinstance(conditions, Mapping) or not conditions:
        return "every study"
    return "; ".join(f"{name} {word(v) if isinstance(v, str) else joined(v)}" for name, v in conditions.items())


def until(expires: object) -> str:
    """When something ends, in the time of this machine."""
    if not isinstance(expires, int | float):
        return "never"
    return datetime.datetime.fromtimestamp(expires).astimezone().isoformat(" ", "minutes")
