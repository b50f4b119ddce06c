from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idas_p2p.access.subjects import Requester
from idas_p2p.errors import AccessDenied, Busy, LocalError, WireError
from idas_p2p.exchange.offers import NO_OFFERS, answer_about_offers, tell
from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import Pong, RequestEnd
from idas_p2p.wire.offers import Fate, OfferFate, StudyOffer
from tests.store.makers import make_study

SENDER = Requester(node_id=NodeId(bytes(32)), institution="City Hospital")
FATE = OfferFate(number=8, offer=bytes(16), fate=Fate.DONE)
OFFER = StudyOffer(
    number=7,
    offer=bytes(16),
    study=make_study(),
    ticket=Ticket(level="full", expires=9, mac=bytes(16)),
    note="",
    user="",
    expires=9,
)


class Taker:
    """Takes everything, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.taken, self._error = list[object](), error

    async def take_offer(self, sender: Requester, offer: StudyOffer) -> None:
        if self._error:
            raise self._error
        self.taken.append((sender, offer))

    async def take_fate(self, receiver: Requester, fate: OfferFate) -> None:
        self.taken.append((receiver, fate))


async def test_an_offer_and_a_fate_are_taken_and_answered_by_their_numbers() -> None:
    taker = Taker()
    assert await answer_about_offers(OFFER, SENDER, taker) == RequestEnd(number=7, code="")
    assert await answer_about_offers(FATE, SENDER, taker) == RequestEnd(number=8, code="")
    assert taker.taken == [(SENDER, OFFER), (SENDER, FATE)]


@pytest.mark.parametrize(
    ("error", "code"),
    [(Busy(), Busy.code), (ZeroDivisionError(), LocalError.code), (AccessDenied(), AccessDenied.code)],
)
async def test_what_is_not_taken_is_answered_with_why(error: Exception, code: str) -> None:
    assert (await answer_about_offers(OFFER, SENDER, Taker(error))).code == code


async def test_a_node_without_an_inbox_takes_none() -> None:
    assert (await answer_about_offers(OFFER, SENDER, NO_OFFERS)).code == AccessDenied.code


def answering(answer: Any) -> Callable[[Callable[[int], Any]], Any]:
    async def ask(make: Callable[[int], Any]) -> Any:
        assert make(7) == OFFER
        return answer

    return ask


async def test_the_sender_learns_whether_it_was_taken() -> None:
    await tell(answering(RequestEnd(number=7, code="")), lambda number: OFFER)
    with pytest.raises(Busy):
        await tell(answering(RequestEnd(number=7, code=Busy.code)), lambda number: OFFER)
    with pytest.raises(WireError):
        await tell(answering(Pong(number=7)), lambda number: OFFER)
