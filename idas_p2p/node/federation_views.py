"""What the node says about its federations: plain JSON values for the command line and the dashboard.

Belongs here: gathering. Not here: how it looks (dashboard/), changing anything (federation_commands.py).
Holds no codes. Source: docs/operations/commands.md section 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idas_p2p.access.federation import Federation
from idas_p2p.node.node import Node
from idas_p2p.wire.federation import ADD, Change
from idas_p2p.wire.ids import NodeId

View = Mapping[str, Any]


def federations(node: Node) -> list[View]:
    """Every federation this node is in, as in `status`; the first is the one of rules that name none."""
    ours = [one for one in node.federations.places if one.is_member]
    return [_summary(one, now=node.clock.now()) for one in ours]


def _summary(federation: Federation, *, now: float) -> View:
    asking = federation.asking(now=now) if federation.is_admin else []
    return {
        "name": federation.require_member().name,
        "epoch": federation.epoch,
        "members": len(federation.roster()),
        "admin": federation.is_admin,
        "admins": len(federation.admins()),
        "asking": [one.institution for one in asking],
        "proposals": len(federation.proposals()),
    }


def joining(node: Node) -> View | None:
    """The approval this node waits for in `status`; None when it waits for none and was refused none."""
    for member in node.memberships.all():
        waiting = member.membership.waiting
        if not member.federation.is_member and (waiting.code() is not None or waiting.refusal):
            return {"state": "refused" if waiting.refusal else "waiting", "reason": waiting.refusal}
    return None


def members(federation: Federation, own: NodeId) -> View:
    """Answer of `federation_members`."""
    name, admins = federation.require_member().name, federation.admins()
    return {
        "federation": name,
        "epoch": federation.epoch,
        "members": [
            {
                "node_id": str(node_id),
                "institution": institution,
                "admin": node_id in admins,
                "self": node_id == own,
            }
            for node_id, institution in federation.roster().items()
        ],
    }


def admins(federation: Federation, own: NodeId) -> View:
    """Answer of `federation_admins`: in the order in which they came to it, and what is proposed."""
    federation.require_member()
    return {
        "admins": [_named(federation, admin, own) for admin in federation.admins()],
        "proposals": [proposal(federation, one, own) for one in federation.proposals()],
    }


def proposal(federation: Federation, change: Change, own: NodeId) -> View:
    """A change of the admins, and the votes for it."""
    return {
        "act": "add" if change.act == ADD else "remove",
        **_named(federation, change.subject, own),
        "votes": [_named(federation, vote.admin, own) for vote in change.votes],
        "missing": federation.votes_missing(change),
    }


def invitations(federation: Federation, *, now: float) -> View:
    """Answer of `federation_invitations`: those that have not expired. Their codes are never shown again."""
    federation.require_member()
    return {
        "invitations": [
            {
                "label": one.label,
                "expires": one.expires,
                "uses_left": one.uses_left,
                "used": one.was_used,
                "approval": one.needs_approval,
            }
            for one in federation.invitations(now=now)
        ]
    }


def requests(federation: Federation, *, now: float) -> View:
    """Answer of `federation_requests`: who waits for approval."""
    federation.require_member()
    return {
        "requests": [
            {"node_id": str(one.node_id), "institution": one.institution, "asked": one.asked}
            for one in federation.asking(now=now)
        ]
    }


def _named(federation: Federation, node_id: NodeId, own: NodeId) -> dict[str, Any]:
    return {
        "node_id": str(node_id),
        "institution": federation.institution(node_id) or "",
        "self": node_id == own,
    }
