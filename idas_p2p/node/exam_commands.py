"""The commands about exams that cross without being searched for: send, the inbox, priors, what is kept.

Belongs here: reading arguments, naming results. Not here: the work (exams.py and what it puts together).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from idas_p2p.node.control import Command
from idas_p2p.node.destinations import destination
from idas_p2p.node.node import Node
from idas_p2p.node.views import as_keywords
from idas_p2p.store.offers import Offer, OfferDirection

Arguments = Mapping[str, Any]


def exam_commands(node: Node) -> dict[str, Command]:
    """Every command about such exams, by name."""

    def command(function: Callable[[Node, Arguments], Awaitable[Arguments]]) -> Command:
        return lambda arguments, progress: function(node, arguments)

    return {
        "send": command(_send),
        "sent": command(_sent),
        "inbox": command(_inbox),
        "inbox_accept": command(_accept),
        "inbox_refuse": command(_refuse),
        "priors_explain": command(_explain),
        "kept": command(_kept),
        "kept_remove": command(_remove),
    }


async def _send(node: Node, arguments: Arguments) -> Arguments:
    await node.embedded.update_catalog()
    offer = await node.exams.push.send(
        str(arguments["study_uid"]),
        str(arguments["to"]),
        user=str(arguments.get("user") or ""),
        note=str(arguments.get("note") or ""),
        level=str(arguments.get("level") or ""),
        lifetime=float(arguments["expires_seconds"]),
    )
    return _document(offer)


async def _sent(node: Node, arguments: Arguments) -> Arguments:
    return {"offers": [_document(offer) for offer in node.exams.offers.all(OfferDirection.OUT)]}


async def _inbox(node: Node, arguments: Arguments) -> Arguments:
    return {"offers": [_document(offer) for offer in node.exams.offers.all(OfferDirection.IN)]}


async def _accept(node: Node, arguments: Arguments) -> Arguments:
    to = str(arguments.get("to") or "")
    if to:
        destination(node.settings, to, calling_aet=node.config.aet, tls=node.tls.client)  # or UnknownDestination now
    return _document(node.exams.inbox.accept(int(arguments["number"]), to=to, user=str(arguments.get("user") or "")))


async def _refuse(node: Node, arguments: Arguments) -> Arguments:
    return _document(node.exams.inbox.refuse(int(arguments["number"]), user=str(arguments.get("user") or "")))


async def _explain(node: Node, arguments: Arguments) -> Arguments:
    await node.embedded.update_catalog()
    return await node.exams.priors.explain(str(arguments["study_uid"]))


async def _kept(node: Node, arguments: Arguments) -> Arguments:
    kept = [
        {
            "study_uid": one.study_uid,
            "institution": one.institution,
            "why": one.why,
            "destination": one.destination,
            "instances": one.instances,
            "fetched": one.fetched_at,
            "expires": one.expires,
        }
        for one in node.exams.foreign.all()
    ]
    return {"kept": kept, "waiting": node.exams.priors.waiting}


async def _remove(node: Node, arguments: Arguments) -> Arguments:
    await node.exams.foreign.let_go(str(arguments["study_uid"]), reason="removed")
    return {"study_uid": arguments["study_uid"]}


def _document(offer: Offer) -> dict[str, Any]:
    return {
        "number": offer.number,
        "institution": offer.institution,
        "state": str(offer.state),
        "level": offer.level,
        "user": offer.user_name,
        "note": offer.note,
        "offered": offer.offered_at,
        "expires": offer.expires,
        "destination": offer.destination,
        "decided_by": offer.decided_by,
        "reason": offer.reason,
        "study": as_keywords(offer.study),
    }
