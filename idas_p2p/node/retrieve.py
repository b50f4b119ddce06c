"""Bring a study to one of our users: from our own archive, else from its holders, one after another.

Law: an instance is yielded once, after its digest was checked; one that failed at a holder is asked for at the next;
what is still missing at the end is said. Belongs here: order of holders, tries, and when to give up. Not here: the
image link (exchange/fetch.py), sharing between workstations (fetches.py), delivery (dicom/deliver.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final

from idas_p2p.access.federation import Federation
from idas_p2p.clock import Clock
from idas_p2p.crypto.kdf import derive
from idas_p2p.errors import ChannelClosed, IdasError, PeerUnreachable, StudyNotFound, TicketRefused
from idas_p2p.events import log_event
from idas_p2p.exchange.fetch import FetchState, fetch
from idas_p2p.node.fetches import Fetches
from idas_p2p.node.find import Finder, Offer
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.links import Links
from idas_p2p.node.transfers import Transfer, Transfers
from idas_p2p.store.spool import Spool
from idas_p2p.store.spooled import SpooledTransfer
from idas_p2p.store.transfers import Direction
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total

PATIENCE: Final = 30.0  # seconds without a new instance before a holder that answered once is given up; ours
LOCAL_PATH: Final = "local"  # of a transfer that crosses no network between nodes
FIRST_DELAY, LONGEST_DELAY = 0.25, 4.0  # seconds between tries at one holder; ours


class Retriever:
    """Retrieves studies for this node's users.

    Args:
        holdings: our own archives.
        finder: knows holders and tickets.
        links: opens image links.
        federation: names institutions.
        spool: keeps what arrives.
        spool_key: 32 secret bytes; names of spooled transfers follow from it and say nothing.
        transfers: counts.
        clock: the time.
    """

    def __init__(
        self,
        holdings: Holdings,
        finder: Finder,
        links: Links,
        federation: Federation,
        spool: Spool,
        *,
        spool_key: bytes,
        transfers: Transfers,
        clock: Clock,
    ) -> None:
        self._holdings, self._finder, self._links, self._federation = holdings, finder, links, federation
        self._spool, self._spool_key, self._transfers, self._clock = spool, spool_key, transfers, clock
        self._spooled: dict[bytes, SpooledTransfer] = {}  # open while someone reads what is in them
        self._fetches = Fetches(on_idle=self._close_spooled)

    async def retrieve(self, user: str, selections: Sequence[Selection]) -> AsyncIterator[RetrieveEvent]:
        """Yield a Total, then each instance once; failures of single instances as they are certain.

        Raises:
            StudyNotFound: nobody offers a study.
            Unreachable: it cannot be had now.
            RemoteError: a holder or an archive refused or broke the protocol.
        """
        earlier = 0  # instances of the selections before
        for selection in selections:
            events = self._one(user, selection)
            total = 0
            async with aclosing(events):  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, Total):
                        total = event.count
                        yield Total(earlier + total)
                    else:
                        yield event
            earlier += total

    async def stop(self) -> None:
        """Stop every fetch; what arrived stays for the next time."""
        await self._fetches.stop()

    def _one(self, user: str, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        ours = self._holdings.instance_count(selection.study_uid)
        offered = self._finder.offers.valid(user, selection.study_uid, now=self._clock.now())
        if self._holdings.holds(selection.study_uid) and all(offer.instance_count <= ours for offer in offered):
            return self._local(user, selection)
        names = (user, selection.study_uid, *selection.series_uids, "/", *selection.sop_instance_uids)
        key = derive(self._spool_key, "idas spool", *names)
        return self._fetches.read(key, lambda: self._remote(key, user, selection))

    def _close_spooled(self, key: bytes) -> None:
        if (spooled := self._spooled.pop(key, None)) is not None:
            spooled.close()

    async def _local(self, user: str, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        with self._transfers.transfer(Direction.IN, selection.study_uid, user) as transfer:
            transfer.path = LOCAL_PATH
            events = self._holdings.open_local(selection)
            async with aclosing(events):  # type: ignore[type-var]
                async for event in events:
                    transfer.count(event)
                    yield event

    async def _remote(self, key: bytes, user: str, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        with self._transfers.transfer(Direction.IN, selection.study_uid, user) as transfer:
            offers = await self._finder.offers_of(user, selection.study_uid)
            if not offers:
                raise StudyNotFound
            attempt = _Attempt(transfer, FetchState())
            spooled = self._spooled[key] = self._spool.open(key, now=self._clock.now())
            for offer in offers:
                events = self._from_holder(offer, user, selection, spooled, attempt)
                async with aclosing(events):  # type: ignore[type-var]
                    async for event in events:
                        yield event
                if attempt.is_complete:
                    return
            for failed in attempt.failures.values():
                transfer.count(failed)
                yield failed
            if attempt.error is not None:
                raise attempt.error

    async def _from_holder(
        self,
        offer: Offer,
        user: str,
        selection: Selection,
        spooled: SpooledTransfer,
        attempt: _Attempt,
    ) -> AsyncIterator[RetrieveEvent]:
        """Try one holder until it sent all, refused, or was silent for too long."""
        holder = offer.holder
        attempt.transfer.partners.append(self._federation.institution(holder) or holder.short)
        delay, quiet_since, answered = FIRST_DELAY, self._clock.monotonic(), False
        while True:
            try:
                channel = await self._links.image(holder)
                answered = True
                attempt.transfer.use(channel)
                async with aclosing(
                    fetch(channel, selection, offer.ticket, user, spooled, attempt.state)  # type: ignore[type-var]
                ) as events:
                    async for event in events:
                        quiet_since, delay = self._clock.monotonic(), FIRST_DELAY
                        if (passed_on := attempt.take(event)) is not None:
                            yield passed_on
                attempt.ended(holder, None)
                return
            except (ChannelClosed, PeerUnreachable) as error:
                attempt.ended(holder, error)
                if not answered or self._clock.monotonic() - quiet_since > PATIENCE:
                    return
            except IdasError as error:
                attempt.ended(holder, error)
                if isinstance(error, TicketRefused):
                    self._finder.offers.forget(user, selection.study_uid)
                return
            log_event(
                "fetch_interrupted", peer=holder.short, reason=ChannelClosed.code, request=attempt.transfer.number
            )
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY)


class _Attempt:
    """What a retrieval knows over all holders and tries."""

    def __init__(self, transfer: Transfer, state: FetchState) -> None:
        self.transfer, self.state = transfer, state
        self.failures: dict[str, InstanceFailed] = {}
        self.error: IdasError | None = None
        self.is_complete = False

    def take(self, event: RetrieveEvent) -> RetrieveEvent | None:
        """Count an event; failures wait, since the next holder may have the instance."""
        if isinstance(event, InstanceFailed):
            self.failures[event.sop_instance_uid] = event
            return None
        if isinstance(event, Instance):
            self.failures.pop(event.sop_instance_uid, None)
        self.transfer.count(event)
        return event

    def ended(self, holder: NodeId, error: IdasError | None) -> None:
        """Note how a holder ended."""
        self.error = error
        self.is_complete = error is None and not self.failures
