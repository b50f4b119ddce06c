"""The commands of the control socket that are about the federation: arguments in, JSON result out.

Belongs here: reading arguments, naming results. Not here: the work (membership.py, access/federation.py).
Source: docs/operations/commands.md section 9.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from idas_p2p.node import federation_views as views
from idas_p2p.node.control import Command
from idas_p2p.node.node import Node
from idas_p2p.wire.federation import ADD, REMOVE

Arguments = Mapping[str, Any]
_ACTS: Final = {"add": ADD, "remove": REMOVE}


def federation_commands(node: Node) -> dict[str, Command]:
    """Every command about the federation, by name."""

    def command(function: Callable[[Node, Arguments], Awaitable[Arguments]]) -> Command:
        return lambda arguments, progress: function(node, arguments)

    def view(function: Callable[[Node], Arguments]) -> Command:
        async def answer(node: Node, arguments: Arguments) -> Arguments:
            return function(node)

        return command(answer)

    return {
        "federation_members": view(views.members),
        "federation_admins": view(views.admins),
        "federation_invitations": view(views.invitations),
        "federation_requests": view(views.requests),
        "federation_create": command(_create),
        "federation_invite": command(_invite),
        "federation_revoke": command(_revoke),
        "federation_approve": command(_approve),
        "federation_refuse": command(_refuse),
        "federation_admin": command(_admin),
        "federation_remove": command(_remove),
        "federation_leave": command(_leave),
        "join": command(_join),
    }


async def _create(node: Node, arguments: Arguments) -> Arguments:
    node.membership.create(str(arguments["name"]))
    return _in_force(node)


async def _invite(node: Node, arguments: Arguments) -> Arguments:
    lifetime, uses = float(arguments["expires_seconds"]), int(arguments["uses"])
    needs_approval = bool(arguments.get("approval"))
    made = await node.membership.invite(lifetime=lifetime, uses=uses, needs_approval=needs_approval)
    return {
        "code": made.code,
        "label": made.label,
        "expires_seconds": lifetime,
        "uses": uses,
        "approval": needs_approval,
        "kept_by": made.kept_by,
    }


async def _revoke(node: Node, arguments: Arguments) -> Arguments:
    return {"label": node.federation.revoke(str(arguments["invitation"]), now=node.clock.now()).label}


async def _approve(node: Node, arguments: Arguments) -> Arguments:
    node.membership.approve(str(arguments["node"]))
    return _in_force(node)


async def _refuse(node: Node, arguments: Arguments) -> Arguments:
    refused = node.federation.refuse(str(arguments["node"]), now=node.clock.now())
    return {"node_id": str(refused.node_id), "institution": refused.institution}


async def _admin(node: Node, arguments: Arguments) -> Arguments:
    change, missing = node.membership.change_admins(_ACTS[str(arguments["act"])], str(arguments["node"]))
    return {
        **_in_force(node),
        "missing": missing,
        "institution": node.federation.institution(change.subject) or "",
        "admins": len(node.federation.admins()),
        "own": change.subject == node.identity.node_id,
    }


async def _remove(node: Node, arguments: Arguments) -> Arguments:
    node.membership.remove(str(arguments["node"]))
    return _in_force(node)


async def _leave(node: Node, arguments: Arguments) -> Arguments:
    return {"federation": node.membership.leave()}


async def _join(node: Node, arguments: Arguments) -> Arguments:
    await node.membership.join(str(arguments["code"]))
    return {**_in_force(node), "members": len(node.federation.roster())}


def _in_force(node: Node) -> dict[str, Any]:
    return {"federation": node.federation.require_member().name, "epoch": node.federation.epoch}
