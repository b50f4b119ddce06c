"""What the node says about its federation: plain JSON values for the command line and the dashboard.

Belongs here: gathering. Not here: how it looks (dashboard/), changing anything (federation_commands.py).
Holds no codes. Source: docs/operations/commands.md section 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idas_p2p.node.node import Node
from idas_p2p.wire.federation import ADD, Change
from idas_p2p.wire.ids import NodeId

View = Mapping[str, Any]


def summary(node: Node) -> View | None:
    """The federation in `status`; None outside one."""
    federation = node.federation
    if not federation.is_member:
        return None
    manifest, asking = federation.require_member(), federation.asking(now=node.clock.now())
    return {
        "name": manifest.name,
        "epoch": federation.epoch,
        "members": len(federation.roster()),
        "admin": federation.is_admin,
        "admins": len(federation.admins()),
        "asking": [one.institution for one in asking] if federation.is_admin else [],
        "proposals": len(federation.proposals()),
    }


def joining(node: Node) -> View | None:
    """The approval this node waits for in `status`; None when it waits for none and was refused none."""
    waiting = node.membership.waiting
    if node.federation.is_member or (waiting.code() is None and not waiting.refusal):
        return None
    return {"state": "refused" if waiting.refusal else "waiting", "reason": waiting.refusal}


def members(node: Node) -> View:
    """Answer of `federation_members`."""
    name, admins = node.federation.require_member().name, node.federation.admins()
    return {
        "federation": name,
        "epoch": node.federation.epoch,
        "members": [
            {
                "node_id": str(node_id),
                "institution": institution,
                "admin": node_id in admins,
                "self": node_id == node.identity.node_id,
            }
            for node_id, institution in node.federation.roster().items()
        ],
    }


def admins(node: Node) -> View:
    """Answer of `federation_admins`: in the order in which they came to it, and what is proposed."""
    node.federation.require_member()
    return {
        "admins": [_named(node, admin) for admin in node.federation.admins()],
        "proposals": [proposal(node, one) for one in node.federation.proposals()],
    }


def proposal(node: Node, change: Change) -> View:
    """A change of the admins, and the votes for it."""
    return {
        "act": "add" if change.act == ADD else "remove",
        **_named(node, change.subject),
        "votes": [_named(node, vote.admin) for vote in change.votes],
        "missing": node.federation.votes_missing(change),
    }


def invitations(node: Node) -> View:
    """Answer of `federation_invitations`: those that have not expired. Their codes are never shown again."""
    node.federation.require_member()
    return {
        "invitations": [
            {
                "label": one.label,
                "expires": one.expires,
                "uses_left": one.uses_left,
                "used": one.was_used,
                "approval": one.needs_approval,
            }
            for one in node.federation.invitations(now=node.clock.now())
        ]
    }


def requests(node: Node) -> View:
    """Answer of `federation_requests`: who waits for approval."""
    node.federation.require_member()
    return {
        "requests": [
            {"node_id": str(one.node_id), "institution": one.institution, "asked": one.asked}
            for one in node.federation.asking(now=node.clock.now())
        ]
    }


def _named(node: Node, node_id: NodeId) -> dict[str, Any]:
    return {
        "node_id": str(node_id),
        "institution": node.federation.institution(node_id) or "",
        "self": node_id == node.identity.node_id,
    }
