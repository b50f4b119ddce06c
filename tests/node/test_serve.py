from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.blob import MemoryBlob
from idas_p2p.errors import Busy, ChannelClosed
from idas_p2p.node.node import Node
from idas_p2p.node.serve import MAX_SENDING_TO_ONE, layout_of
from idas_p2p.wire.fetching import FetchEnd, FetchRequest, Ticket
from idas_p2p.wire.messages import Ping, decode_message, encode_message
from tests.node.nodes import STUDY, fill, make_instance, retrieve, share, until

FORGED = Ticket(level="full", expires=2**40, mac=bytes(16))


def request(ticket: Ticket, **more: object) -> FetchRequest:
    wanted = {"user": "", "study_uid": STUDY, "series_uids": (), "sop_instance_uids": (), "mode": 0, "priority": 1}
    return FetchRequest(ticket=ticket, **{**wanted, **more})  # type: ignore[arg-type]


def test_native_pixels_are_located_and_anything_else_is_left_whole() -> None:
    instance = make_instance(1, size=1_000)
    layout, packed = layout_of(instance)
    assert layout is not None
    assert (layout.length, packed) == (1_000, False)
    assert instance.data.read()[layout.offset :][:2] == bytes((1, 0))
    assert layout_of(replace(instance, transfer_syntax_uid="1.2.840.10008.1.2.4.90")) == (None, True)
    assert layout_of(replace(instance, data=MemoryBlob(b"\xff" * 50))) == (None, False)


async def test_an_image_link_without_a_valid_ticket_ends_with_why(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    channel = await berg.links.image(anna.identity.node_id)
    await channel.send(encode_message(request(FORGED)))
    end = decode_message(await channel.receive())
    assert end == FetchEnd(code="remote.ticket")
    await channel.close()


async def test_a_peer_that_breaks_the_protocol_loses_its_channel_and_nobody_else_does(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna)
    await share(anna)
    for message in (encode_message(Ping(number=1)), b"\xff\xff"):
        channel = await berg.links.image(anna.identity.node_id)
        await channel.send(message)
        with pytest.raises(ChannelClosed):
            await channel.receive()
        await channel.close()
    assert len(await retrieve(berg)) == 1 + len(stored)


async def test_one_member_cannot_take_every_place(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna, instances=20, size=2_000_000)
    await share(anna)
    (offer,) = await berg.finder.offers_of("", STUDY)
    channels = [await berg.links.image(anna.identity.node_id) for _ in range(MAX_SENDING_TO_ONE + 1)]
    *served, refused = channels
    for channel in served:
        await channel.send(encode_message(request(offer.ticket)))
    await until(lambda: len(anna.transfers.running) == MAX_SENDING_TO_ONE)
    await refused.send(encode_message(request(offer.ticket)))
    assert decode_message(await refused.receive()) == FetchEnd(code=Busy.code)
    for channel in channels:
        await channel.close()
    await until(lambda: not anna.transfers.running)


async def test_a_requester_that_goes_away_ends_the_transfer(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna, instances=20, size=2_000_000)
    await share(anna)
    (offer,) = await berg.finder.offers_of("", STUDY)
    channel = await berg.links.image(anna.identity.node_id)
    await channel.send(encode_message(request(offer.ticket)))
    await until(lambda: bool(anna.transfers.running))
    await channel.close()
    await until(lambda: not anna.transfers.running)
