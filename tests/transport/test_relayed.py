"""Dialling through relays: which is used, and what is told when none helps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import HandshakeFailed, PeerUnreachable
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.relayed import answer, relay_rung
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.relay import RelayOffer
from tests.bootstrap.relaying import dial_through, relaying, waiting
from tests.transport.pairs import ALICE, BOB, MALLORY, PSK
from tests.transport.test_dialer import closed_port

ANOTHER = SigningKey(b"\x08" * 32)


async def test_the_next_relay_is_used_when_the_first_is_gone() -> None:
    async with relaying() as relay, waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        gone = replace(reservation.offer, address=closed_port())
        channel = await dial_through(gone, reservation.offer)
        assert channel.path == "relay"
        await channel.close()


async def test_a_node_waits_at_two_relays_at_once() -> None:
    async with (
        relaying() as first,
        relaying(identity=ANOTHER) as second,
        waiting(first.contact) as one,
        waiting(second.contact) as other,
    ):
        assert one.offer is not None
        assert other.offer is not None
        for offer in (one.offer, other.offer):
            channel = await dial_through(offer)
            await channel.send(b"x")
            assert await channel.receive() == b"x"
            await channel.close()


async def test_the_record_is_read_again_when_the_relays_it_named_are_of_no_use() -> None:
    async with relaying() as relay, waiting(relay.contact) as reservation:
        offer = reservation.offer
        assert offer is not None

        async def renew() -> tuple[RelayOffer, ...]:
            assert offer is not None
            return (offer,)

        rung = relay_rung(ALICE, BOB.node_id, (replace(offer, address=closed_port()),), renew=renew)
        channel = await dial(ALICE, BOB.node_id, (), purpose=Purpose.IMAGE, psk=PSK, timeout=10.0, rungs=(rung,))
        assert channel.path == "relay"
        await channel.close()


async def test_a_node_that_waits_nowhere_is_not_reached() -> None:
    with pytest.raises(PeerUnreachable, match="waits at no relay"):
        await dial_through()


async def test_a_relay_that_connects_with_somebody_else_gains_nothing() -> None:
    async with relaying() as relay, waiting(relay.contact, MALLORY) as mallory:
        link, offer = await relay.reserved(BOB)
        place = relay.relay.reservations._places
        place[BOB.node_id] = place[MALLORY.node_id]  # as a relay would that lies
        with pytest.raises(HandshakeFailed):
            await dial_through(offer)
        assert mallory.offer is not None
        link.abort()


async def test_an_answer_to_a_relay_that_is_gone_ends_in_time() -> None:
    with pytest.raises(PeerUnreachable):
        await answer(closed_port(), bytes(16), timeout=5.0)
