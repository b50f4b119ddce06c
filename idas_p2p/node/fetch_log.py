"""What is noted of a retrieval while it goes: its links, holders that fail or differ, what they signed.

Belongs here: exchange.interfaces.FetchWatcher for one transfer. Not here: counting images (transfers.py).
"""

from __future__ import annotations

from idas_p2p.access.federations import Belonging
from idas_p2p.errors import ChannelClosed, IdasError, TicketRefused
from idas_p2p.events import log_event
from idas_p2p.exchange.interfaces import Channel
from idas_p2p.exchange.signed_manifest import Evidence
from idas_p2p.node.find import Offers
from idas_p2p.node.transfers import Transfer
from idas_p2p.wire.ids import NodeId


class FetchLog:
    """Notes how one retrieval goes.

    Args:
        transfer: counts it.
        federation: names institutions.
        offers: forgets those whose ticket was refused.
        user: who asks.
        study_uid: for what.
    """

    def __init__(self, transfer: Transfer, federation: Belonging, offers: Offers, user: str, study_uid: str) -> None:
        self._transfer, self._federation, self._offers = transfer, federation, offers
        self._user, self._study_uid = user, study_uid

    def opened(self, holder: NodeId, channel: Channel) -> None:
        """Count what this channel carries."""
        self._transfer.use(channel, partner=self._name(holder))  # type: ignore[arg-type]

    def interrupted(self, holder: NodeId) -> None:
        """A link broke and will be opened again."""
        log_event("fetch_interrupted", peer=holder.short, reason=ChannelClosed.code, request=self._transfer.number)

    def failed(self, holder: NodeId, error: IdasError) -> None:
        """A holder is given up."""
        log_event("holder_given_up", peer=holder.short, reason=error.code, request=self._transfer.number)
        if isinstance(error, TicketRefused):
            self._offers.forget(self._user, self._study_uid, holder)

    def differs(self, holder: NodeId) -> None:
        """A holder's copy is left out."""
        log_event("copies_differ", peer=holder.short, request=self._transfer.number)
        self._transfer.differing.append(self._name(holder))

    def signed(self, holder: NodeId, evidence: Evidence) -> None:
        """Keep what a holder signed."""
        self._transfer.evidence.append((holder, evidence))

    def _name(self, holder: NodeId) -> str:
        return self._federation.institution(holder) or holder.short
