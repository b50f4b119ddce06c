"""Whether further connections go beside an image channel's first."""

from __future__ import annotations

import pytest

from idas_p2p.node import widening
from idas_p2p.node.node import Node
from idas_p2p.node.widening import CUTS_IN_A_ROW, FURTHER
from idas_p2p.transport.moving import MovingChannel
from tests.transport.pairs import until


def width(channel: MovingChannel) -> int:
    return channel.braid.width if channel.braid is not None else 0


async def wide(berg: Node, anna: Node) -> MovingChannel:
    """A channel whose further connections stand."""
    channel = await berg.links.image(anna.identity.node_id)
    held = anna.listener._open[berg.identity.node_id, channel.name]
    await until(lambda: width(held) == 1 + FURTHER)
    await held.send(b"so that the dialer learns of them")
    assert await channel.receive()
    return channel


async def test_a_near_node_gets_one_connection(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await berg.links.control(anna.identity.node_id)
    channel = await berg.links.image(anna.identity.node_id)
    assert width(channel) == 1
    assert channel.may_move
    await channel.close()


async def test_a_far_node_gets_several_until_they_were_cut_twice_in_a_row(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widening, "FAR", 0.0)
    anna, berg = pair
    await berg.links.control(anna.identity.node_id)
    for _ in range(CUTS_IN_A_ROW):
        channel = await wide(berg, anna)
        channel.abort()
    peer = berg.links.peers[anna.identity.node_id]
    assert berg.links._widener._begin(peer, anna.identity.node_id, bytes(32)) is None
    peer.single_until = 0.0
    channel = await wide(berg, anna)
    await channel.close()
    assert peer.single_until == 0.0  # it was not cut


async def test_a_path_that_is_not_direct_gets_one_connection(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widening, "FAR", 0.0)
    anna, berg = pair
    peer = berg.links.peers.get(anna.identity.node_id)
    assert peer is None or peer.open_link is None
    channel = await berg.links.image(anna.identity.node_id)  # no control link tells where it is reached directly
    assert width(channel) == 1
    await channel.close()
