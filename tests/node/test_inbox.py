from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.access.subjects import Requester
from idas_p2p.errors import AccessDenied
from idas_p2p.node.inbox import FATES
from idas_p2p.node.node import Node
from idas_p2p.store.offers import OPEN, OfferDirection, OfferState
from idas_p2p.wire.ids import NodeId
from tests.exchange.test_offers import OFFER

SENDER = Requester(node_id=NodeId(bytes((1,) * 32)), institution="City Hospital")


def test_every_decided_state_has_a_fate() -> None:
    assert set(FATES) == set(OfferState) - {OfferState.WAITING, OfferState.OFFERED}


async def test_an_offer_that_is_over_is_not_taken(lone: Node) -> None:
    with pytest.raises(AccessDenied):
        await lone.exams.inbox.take_offer(SENDER, OFFER)


async def test_an_offer_nobody_decides_on_ends_by_itself(lone: Node) -> None:
    now = lone.clock.now()
    await lone.exams.inbox.take_offer(SENDER, replace(OFFER, expires=int(now) + 3_600))
    (offer,) = lone.exams.offers.all(OfferDirection.IN)
    assert (offer.state, offer.institution) == (OfferState.WAITING, "City Hospital")
    lone.exams.offers.note(offer, expires=now - 1.0)
    await lone.exams.inbox.turn()
    assert lone.exams.offers.all(OfferDirection.IN)[0].state is OfferState.EXPIRED
    assert lone.exams.offers.open(OfferDirection.IN, *OPEN) == []


async def test_what_cannot_be_fetched_is_tried_again_later(lone: Node) -> None:
    await lone.exams.inbox.take_offer(SENDER, replace(OFFER, expires=int(lone.clock.now()) + 3_600))
    (offer,) = lone.exams.offers.all(OfferDirection.IN)
    lone.exams.inbox.accept(offer.number, to="", user="ott")
    await lone.exams.inbox.turn()
    (failed,) = lone.exams.offers.all(OfferDirection.IN)
    assert (failed.state, failed.told) == (OfferState.ACCEPTED, "")
    assert failed.attempts >= 1
    assert failed.reason
