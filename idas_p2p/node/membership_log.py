"""Changes of the federation in the audit log: who came, who went, who administers it now.

Law: a change of the membership is in force whether or not it can be recorded, for a full disk must not keep a removed
member in; what could not be recorded is recorded at the next look.
Belongs here: telling what changed. Not here: changing it (membership.py), the log (auditing.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from idas_p2p.access.audit.events import Note, membership_changed
from idas_p2p.access.federation import Federation
from idas_p2p.errors import AuditUnavailable
from idas_p2p.events import log_event
from idas_p2p.wire.ids import NodeId

MAX_NAMED = 8  # nodes of one kind named in one record; ours


class MembershipLog:
    """Notes what is different since the last look.

    Args:
        federation: ours.
        note: writes a record.
    """

    def __init__(self, federation: Federation, note: Note) -> None:
        self._federation, self._note = federation, note
        self._seen = self._now()

    def look(self) -> None:
        """Note what has changed; nothing when nothing has."""
        roster, admins = self._now()
        before, admins_before = self._seen
        words = [
            *_named("admitted", {node: roster[node] for node in roster.keys() - before.keys()}),
            *_named("removed", {node: before[node] for node in before.keys() - roster.keys()}),
            *_named("renamed", {node: name for node, name in roster.items() if before.get(node, name) != name}),
            *_named("administrator", {node: roster.get(node, "") for node in admins if node not in admins_before}),
            *_named("no administrator", {node: before.get(node, "") for node in admins_before if node not in admins}),
        ]
        if not words:
            return
        try:
            self._note(membership_changed(f"epoch {self._federation.epoch}: {'; '.join(words)}"))
        except AuditUnavailable as error:
            log_event("membership_not_recorded", reason=error.code)
        else:
            self._seen = roster, admins

    def _now(self) -> tuple[dict[NodeId, str], tuple[NodeId, ...]]:
        return self._federation.roster(), self._federation.admins()


def _named(what: str, nodes: Mapping[NodeId, str]) -> list[str]:
    """What happened to these nodes, in words; the first of them by name."""
    if not nodes:
        return []
    named = [f"{nodes[node]} ({node.short})" for node in sorted(nodes)[:MAX_NAMED]]
    more = [f"and {len(nodes) - MAX_NAMED} more"] if len(nodes) > MAX_NAMED else []
    return [f"{what} {', '.join([*named, *more])}"]
