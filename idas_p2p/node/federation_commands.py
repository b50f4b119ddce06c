"""The commands of the control socket that are about federations: arguments in, JSON result out.

Belongs here: reading arguments, naming results. Not here: the work (membership.py, access/federation.py).
Source: docs/operations/commands.md section 9.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from idas_p2p.node import federation_views as views
from idas_p2p.node.control import Command
from idas_p2p.node.memberships import Member
from idas_p2p.node.node import Node
from idas_p2p.wire.federation import ADD, REMOVE

Arguments = Mapping[str, Any]
_ACTS: Final = {"add": ADD, "remove": REMOVE}


def federation_commands(node: Node) -> dict[str, Command]:
    """Every command about a federation, by name; `federation` names which, where the node is in several."""

    def command(function: Callable[[Node, Arguments], Awaitable[Arguments]]) -> Command:
        return lambda arguments, progress: function(node, arguments)

    def in_one(function: Callable[[Node, Member, Arguments], Arguments]) -> Command:
        async def answer(node: Node, arguments: Arguments) -> Arguments:
            return function(node, _member(node, arguments), arguments)

        return command(answer)

    own = node.identity.node_id
    return {
        "federation_members": in_one(lambda node, one, arguments: views.members(one.federation, own)),
        "federation_admins": in_one(lambda node, one, arguments: views.admins(one.federation, own)),
        "federation_invitations": in_one(
            lambda node, one, arguments: views.invitations(one.federation, now=node.clock.now())
        ),
        "federation_requests": in_one(
            lambda node, one, arguments: views.requests(one.federation, now=node.clock.now())
        ),
        "federation_create": command(_create),
        "federation_invite": command(_invite),
        "federation_revoke": in_one(_revoke),
        "federation_approve": in_one(_approve),
        "federation_refuse": in_one(_refuse),
        "federation_admin": in_one(_admin),
        "federation_remove": in_one(_remove),
        "federation_leave": in_one(_leave),
        "join": command(_join),
    }


async def _create(node: Node, arguments: Arguments) -> Arguments:
    manifest = node.memberships.create(str(arguments["name"]))
    return {"federation": manifest.name, "epoch": manifest.epoch}


async def _invite(node: Node, arguments: Arguments) -> Arguments:
    lifetime, uses = float(arguments["expires_seconds"]), int(arguments["uses"])
    needs_approval = bool(arguments.get("approval"))
    membership = _member(node, arguments).membership
    made = await membership.invite(lifetime=lifetime, uses=uses, needs_approval=needs_approval)
    return {
        "code": made.code,
        "label": made.label,
        "expires_seconds": lifetime,
        "uses": uses,
        "approval": needs_approval,
        "kept_by": made.kept_by,
    }


def _revoke(node: Node, one: Member, arguments: Arguments) -> Arguments:
    return {"label": one.federation.revoke(str(arguments["invitation"]), now=node.clock.now()).label}


def _approve(node: Node, one: Member, arguments: Arguments) -> Arguments:
    one.membership.approve(str(arguments["node"]))
    return _in_force(one)


def _refuse(node: Node, one: Member, arguments: Arguments) -> Arguments:
    refused = one.federation.refuse(str(arguments["node"]), now=node.clock.now())
    return {"node_id": str(refused.node_id), "institution": refused.institution}


def _admin(node: Node, one: Member, arguments: Arguments) -> Arguments:
    change, missing = one.membership.change_admins(_ACTS[str(arguments["act"])], str(arguments["node"]))
    return {
        **_in_force(one),
        "missing": missing,
        "institution": one.federation.institution(change.subject) or "",
        "admins": len(one.federation.admins()),
        "own": change.subject == node.identity.node_id,
    }


def _remove(node: Node, one: Member, arguments: Arguments) -> Arguments:
    one.membership.remove(str(arguments["node"]))
    return _in_force(one)


def _leave(node: Node, one: Member, arguments: Arguments) -> Arguments:
    return {"federation": one.membership.leave()}


async def _join(node: Node, arguments: Arguments) -> Arguments:
    manifest = await node.memberships.join(str(arguments["code"]))
    return {"federation": manifest.name, "epoch": manifest.epoch, "members": len(manifest.members)}


def _member(node: Node, arguments: Arguments) -> Member:
    name = arguments.get("federation")
    return node.memberships.named(str(name) if name else None)


def _in_force(one: Member) -> dict[str, Any]:
    return {"federation": one.federation.require_member().name, "epoch": one.federation.epoch}
