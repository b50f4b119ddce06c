"""Offering a study to another node over a control link, and telling its sender what became of it.

Belongs here: the order of messages. Not here: what may be offered and who decides (node/push.py, node/inbox.py).
Source: docs/spec/exchange.md section 6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from idas_p2p.access.subjects import Requester
from idas_p2p.errors import AccessDenied, IdasError, LocalError, WireError
from idas_p2p.events import log_failure
from idas_p2p.exchange.codes import error_of
from idas_p2p.wire.messages import RequestEnd
from idas_p2p.wire.offers import OfferFate, StudyOffer

Ask = Callable[[Callable[[int], Any]], Awaitable[Any]]
"""Sends the message made for a number and returns its one answer (ControlLink.ask)."""


class OfferTaker(Protocol):
    """What takes offers, and what others say of ours."""

    async def take_offer(self, sender: Requester, offer: StudyOffer) -> None:
        """Keep an offer until somebody decides; returns when it is safe. Busy: there are too many."""
        ...

    async def take_fate(self, receiver: Requester, fate: OfferFate) -> None:
        """Note what became of our offer to this node; one that is not known any more means nothing."""
        ...


class NoOffers:
    """What takes none; for tests."""

    async def take_offer(self, sender: Requester, offer: StudyOffer) -> None:
        """Refuse it."""
        raise AccessDenied("no offers are taken here")

    async def take_fate(self, receiver: Requester, fate: OfferFate) -> None:
        """Nothing."""


NO_OFFERS: Final = NoOffers()


async def answer_about_offers(message: StudyOffer | OfferFate, sender: Requester, taker: OfferTaker) -> RequestEnd:
    """The answer to an offer, or to what is said of ours: an empty code when it was taken."""
    try:
        if isinstance(message, StudyOffer):
            await taker.take_offer(sender, message)
        else:
            await taker.take_fate(sender, message)
    except IdasError as error:
        return RequestEnd(number=message.number, code=error.code)
    except Exception as error:  # a bug costs this answer, not the link
        log_failure("offer_failed", error, peer=sender.node_id.short)
        return RequestEnd(number=message.number, code=LocalError.code)
    return RequestEnd(number=message.number, code="")


async def tell(ask: Ask, make: Callable[[int], StudyOffer | OfferFate]) -> None:
    """Send an offer, or say what became of one; returns when the other side has taken it.

    Raises:
        WireError: another answer.
        IdasError: the code it ended with, or the link broke.
    """
    answer = await ask(make)
    if not isinstance(answer, RequestEnd):
        raise WireError("not an answer to an offer")
    if answer.code:
        raise error_of(answer.code)
