"""The commands about groups of nodes, and about who may vouch for groups of users.

Belongs here: reading arguments, naming results. Not here: the socket (control.py), what is said and when (tokens.py).
Source: docs/operations/commands.md section 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idas_p2p.access.audit.events import Note, configured, ignore
from idas_p2p.access.federation import Federation
from idas_p2p.access.names import means
from idas_p2p.clock import Clock
from idas_p2p.errors import BadConfiguration, NoSuchThing
from idas_p2p.node.control import Command, Progress
from idas_p2p.node.groupings import Groupings
from idas_p2p.node.tokens import NODES, USER, VOUCHES, Tokens
from idas_p2p.store.said import Said
from idas_p2p.wire.ids import NodeId

_KINDS = {"nodes": NODES, "vouch": VOUCHES}

Arguments = Mapping[str, Any]


def group_commands(
    tokens: Tokens, groupings: Groupings, federation: Federation, *, clock: Clock, note: Note = ignore
) -> dict[str, Command]:
    """The commands by name; `note` writes down what is said."""

    async def say(arguments: Arguments, progress: Progress) -> Arguments:
        kind, group = _KINDS.get(str(arguments["kind"])), str(arguments["group"])
        if kind is None:
            raise BadConfiguration("a statement is about nodes, or lets them vouch")
        members = [_member(federation, str(name)) for name in arguments["members"]]
        until = float(int(clock.now() + float(arguments["expires_seconds"])))
        is_taken_back = bool(arguments.get("withdrawn"))
        names = ", ".join(map(str, arguments["members"]))
        note(configured(f"group {group}: {kind} {'taken back from' if is_taken_back else 'said of'} {names}"))
        tokens.say(kind, group, members, until=until, withdrawn=is_taken_back)
        return {"group": group, "members": [str(member) for member in members]}

    async def statements(arguments: Arguments, progress: Progress) -> Arguments:
        return {"tokens": [_document(federation, one, is_stored=is_stored) for one, is_stored in tokens.all()]}

    async def proved(arguments: Arguments, progress: Progress) -> Arguments:
        """The groups named by rules that somebody elsewhere is proved to be in."""
        member = _member(federation, str(arguments["node"]))
        known = await groupings.of(federation.requester(member, str(arguments["user"])))
        return {"groups": sorted(known.client_groups), "node_groups": sorted(known.node_groups)}

    return {"group_say": say, "group_tokens": statements, "group_proved": proved}


def _member(federation: Federation, name: str) -> NodeId:
    """Whom an administrator means; NoSuchThing for a stranger."""
    for node_id, institution in federation.roster().items():
        if means(name, node_id, institution):
            return node_id
    raise NoSuchThing("no member has this name")


def _document(federation: Federation, one: Said, *, is_stored: bool) -> Mapping[str, Any]:
    who = one.member
    if one.kind != USER:
        who = federation.institution(NodeId.parse(one.member)) or one.member
    return {
        "kind": one.kind,
        "group": one.group_name,
        "member": who,
        "until": one.until,
        "withdrawn": one.withdrawn,
        "stored": is_stored,
    }
