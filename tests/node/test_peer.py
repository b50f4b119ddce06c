"""What is known of another node."""

from __future__ import annotations

from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.peer import Peer
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.memory import make_pair


async def test_a_link_counts_while_it_is_open() -> None:
    peer = Peer()
    assert peer.open_link is None
    link = peer.link = ControlLink(make_pair()[0], tasks=TaskOwner(limit=1))
    assert peer.open_link is link
    await link.close()
    assert peer.open_link is None
