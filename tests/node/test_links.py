from __future__ import annotations

import asyncio

import pytest

from idas_p2p.errors import ChannelClosed, PeerUnreachable
from idas_p2p.node.node import Node
from idas_p2p.transport.moving import MovingChannel
from idas_p2p.wire.handshake import Purpose
from tests.node.nodes import until


async def test_a_link_is_dialled_once_and_kept(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    links = await asyncio.gather(*(berg.links.control(anna.identity.node_id) for _ in range(5)))
    assert len(set(map(id, links))) == 1
    assert await berg.links.control(anna.identity.node_id) is links[0]


async def test_a_closed_link_is_dialled_anew(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    first = await berg.links.control(anna.identity.node_id)
    await berg.links.close()
    assert not first.is_open
    second = await berg.links.control(anna.identity.node_id)
    assert second is not first
    await second.ping()


async def test_an_image_channel_is_a_fresh_one_of_its_own(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    one, other = [await berg.links.image(anna.identity.node_id) for _ in range(2)]
    assert one is not other
    assert one.purpose is Purpose.IMAGE
    for channel in (one, other):
        await channel.close()


async def test_pings_measure_the_round_trip_and_find_the_dead(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    link = await berg.links.control(anna.identity.node_id)
    await berg.links.ping_all()
    peer = berg.links.peers[anna.identity.node_id]
    assert peer.round_trip is not None
    await link.channel.close()
    with pytest.raises(ChannelClosed):
        await link.ping()
    await berg.links.ping_all()
    assert not link.is_open


async def test_who_waits_for_a_dial_that_fails_shares_its_failure(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await berg.links.close()
    await anna.listener.stop()
    failures = await asyncio.gather(
        *(berg.links.control(anna.identity.node_id) for _ in range(8)), return_exceptions=True
    )
    assert {type(failure) for failure in failures} == {PeerUnreachable}
    assert berg.links.peers[anna.identity.node_id].last_error == PeerUnreachable.code


async def test_addresses_are_remembered_for_when_the_directory_is_gone(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await berg.links.control(anna.identity.node_id)
    remembered = berg.links._locator.remembered(anna.identity.node_id)
    assert remembered is not None
    assert remembered.addresses == (anna.network_address,)


async def test_a_change_of_network_finds_out_which_links_are_dead(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    link = await berg.links.control(anna.identity.node_id)
    berg.links.check(["127.0.0.1"])
    peer = berg.links.peers[anna.identity.node_id]
    await until(lambda: peer.round_trip is not None)
    assert link.is_open
    berg.links.check(["192.0.2.1"])  # what they were opened from is gone: nobody waits for an answer
    await until(lambda: not link.is_open)


class Opener:
    """Counts how often it is asked for a way from both sides, and has none."""

    asked = 0

    def rung(self, *_: object, **__: object) -> None:
        self.asked += 1


async def test_a_relay_on_which_images_were_cut_is_tried_last_and_at_once(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    opener = Opener()
    berg.links._openers = (opener,)  # type: ignore[assignment]
    channel = await berg.links.image(anna.identity.node_id)
    assert opener.asked == 1
    assert isinstance(channel, MovingChannel)
    assert channel.braid is not None
    channel.braid._main._path = "relay"
    channel.abort()
    assert berg.links.peers[anna.identity.node_id].lost_relay == anna.network_address
    await (await berg.links.image(anna.identity.node_id)).close()
    assert opener.asked == 1
    await channel.close()
