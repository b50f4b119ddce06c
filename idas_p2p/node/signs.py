"""Which holders of one query have given a sign of life since they were asked.

Law: only a node that was reached before, or could not be reached, is called silent: one that is dialled for the first
time may have a long way. Belongs here: telling. Not here: giving up (exchange/find.py), pinging (exchange/control.py).
"""

from __future__ import annotations

from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.links import Links
from idas_p2p.wire.ids import NodeId


class Signs:
    """Signs of life during one query.

    Args:
        links: to members.
    """

    def __init__(self, links: Links) -> None:
        self._links = links
        self._asked: dict[NodeId, tuple[ControlLink, int]] = {}  # and what had been heard on the link before

    async def link(self, node: NodeId) -> ControlLink:
        """The control link on which a node is asked; errors as for Links.control."""
        self._asked.pop(node, None)
        peer = self._links.peers.get(node)
        before = None if peer is None else peer.open_link
        link = await self._links.control(node)
        self._asked[node] = link, link.heard if link is before else -1  # a new one was answered just now
        return link

    def is_silent(self, node: NodeId) -> bool:
        """Whether nothing was heard of a node since it was asked, though there might have been."""
        if (asked := self._asked.get(node)) is not None:
            link, heard = asked
            return link.heard == heard
        peer = self._links.peers.get(node)
        return peer is not None and (peer.last_seen is not None or peer.failure is not None)
