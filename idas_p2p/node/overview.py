"""Everything a dashboard shows, in one answer: what is said elsewhere, put together, with what needs attention first.

Belongs here: putting together. Not here: any single part (views.py, doctor/running.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idas_p2p.node import views
from idas_p2p.node.doctor.examination import documents, known
from idas_p2p.node.node import Node
from idas_p2p.node.recent import RecentEvents


def overview(node: Node, recent: RecentEvents) -> Mapping[str, Any]:
    """Answer of `overview`: status, peers, transfers, alerts (as the doctor's findings), log (the latest events)."""
    status, peers = documents(node)
    return {
        "status": status,
        **peers,
        **pulse(node, recent),
        "alerts": [one.document() for one in known(node, status, peers) if one.name],
    }


def pulse(node: Node, recent: RecentEvents) -> Mapping[str, Any]:
    """Answer of `pulse`: what changes from second to second, transfers and log, at little cost."""
    return {**views.transfers(node), "log": recent.latest()}
