"""Tickets: what a holder issues with each hit and demands at retrieval.

A ticket is a MAC with a key only the holder has, so checking one needs no memory of having issued it.
Source: docs/spec/exchange.md section 4; keyed BLAKE2b, RFC 7693.
"""

from __future__ import annotations

from enum import StrEnum

from idas_p2p.access.subjects import Requester
from idas_p2p.crypto.kdf import derive, mac_equal
from idas_p2p.limits import TICKET_LIFETIME
from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.level import Level

MAC_SIZE = 16  # bytes; protocol: docs/spec/exchange.md section 4


class TicketRefusal(StrEnum):
    """Why a ticket is not honoured."""

    EXPIRED = "expired"
    NOT_OURS = "not_ours"  # another requester, user, study or level, or forged
    OTHER_LEVEL = "other_level"  # the policy gives another level now; found out by whoever knows it, not here


class TicketOffice:
    """Issues and checks this holder's tickets.

    Args:
        key: 32 secret bytes of the holder, the same after a restart.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, requester: Requester, study_uid: str, level: Level, *, now: float) -> Ticket:
        """A ticket for one requester, user, study and level; `now` is Unix seconds."""
        expires = int(now + TICKET_LIFETIME)
        return Ticket(level=level.mark, expires=expires, mac=self._mac(requester, study_uid, level.mark, expires))

    def check(self, ticket: Ticket, requester: Requester, study_uid: str, *, now: float) -> TicketRefusal | None:
        """Return why the ticket is not honoured, or None when it is."""
        if not mac_equal(ticket.mac, self._mac(requester, study_uid, ticket.level, ticket.expires)):
            return TicketRefusal.NOT_OURS
        return TicketRefusal.EXPIRED if now >= ticket.expires else None

    def _mac(self, requester: Requester, study_uid: str, level: str, expires: int) -> bytes:
        parts = (requester.node_id.raw, requester.user, study_uid, level, expires)
        return derive(self._key, "idas ticket", *parts)[:MAC_SIZE]
