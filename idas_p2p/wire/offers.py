"""A study that one node sends to another, and what becomes of it there: messages of a control link.

An offer holds what a hit would hold and nothing else: the study as the sender's rules show it to the receiver.
Belongs here: the fields. Not here: type bytes (messages.py), consent (node/inbox.py).
Source: docs/spec/exchange.md section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final

from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.schema import U64, Limit, exactly
from idas_p2p.wire.study import Study

OFFER_ID_SIZE: Final = 16  # bytes, random; protocol
MAX_NOTE: Final = 500  # characters; protocol
Number = Annotated[int, Limit(0, 2**32 - 1)]
OfferId = Annotated[bytes, exactly(OFFER_ID_SIZE)]


class Fate(IntEnum):
    """What the receiver has done with an offer."""

    ACCEPTED = 1  # somebody there wants it; it is being fetched
    REFUSED = 2
    DONE = 3  # every image arrived
    FAILED = 4  # it was accepted and could not be had before the offer ended
    EXPIRED = 5  # nobody decided in time


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StudyOffer:
    """Offers a study; answered with RequestEnd. Never prints itself: it may identify a patient."""

    number: Number
    offer: OfferId
    study: Study
    ticket: Ticket  # for the receiving node itself, which names no user
    note: Annotated[str, Limit(0, MAX_NOTE)]  # why; the sender's words
    user: Annotated[str, Limit(0, 64)]  # who sends it
    expires: U64  # Unix seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFate:
    """Tells the sender what became of its offer; answered with RequestEnd."""

    number: Number
    offer: OfferId
    fate: Annotated[int, Limit(Fate.ACCEPTED, Fate.EXPIRED)]
