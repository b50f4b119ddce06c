"""Bring a study to one of our users: from our own archive, else from the members that hold it.

Law: an instance is yielded once, after its digest was checked; what is still missing at the end is said. Belongs here:
our own archive or others, tickets, when to give up. Not here: one or several holders (exchange/fetch.py), sharing
between workstations (fetches.py), what is said of it (fetch_log.py), delivery (dicom/deliver.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, aclosing
from typing import Final

from idas_p2p.access.federation import Federation
from idas_p2p.clock import Clock
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.dicom.scan import bears_its_names
from idas_p2p.errors import (
    ArchiveFailed,
    IdasError,
    MalformedInstance,
    StudyNotFound,
    TicketRefused,
    Unreachable,
)
from idas_p2p.events import log_event
from idas_p2p.exchange.codec.coders import Coders
from idas_p2p.exchange.conversation import Holder
from idas_p2p.exchange.fetch import Fetch
from idas_p2p.exchange.link import Question
from idas_p2p.node.fetch_log import FetchLog
from idas_p2p.node.fetches import Fetches
from idas_p2p.node.find import Finder, Offer
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.links import Links
from idas_p2p.node.transfers import Transfer, Transfers
from idas_p2p.store.spool import Spool
from idas_p2p.store.spooled import SpooledTransfer
from idas_p2p.store.transfers import Direction
from idas_p2p.wire.fetching import Priority
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection, Total

LOCAL_PATH: Final = "local"  # of a transfer that crosses no network between nodes


class Retriever:
    """Retrieves studies for this node's users.

    Args:
        identity: ours.
        holdings: our own archives.
        finder: knows holders and tickets.
        links: opens image links.
        federation: names institutions.
        spool: keeps what arrives.
        spool_key: 32 secret bytes; names of spooled transfers follow from it and say nothing.
        transfers: counts.
        clock: the time.
        coders: decode what arrives.
    """

    def __init__(
        self,
        identity: SigningKey,
        holdings: Holdings,
        finder: Finder,
        links: Links,
        federation: Federation,
        spool: Spool,
        *,
        spool_key: bytes,
        transfers: Transfers,
        clock: Clock,
        coders: Coders | None = None,
    ) -> None:
        self._identity, self._coders = identity, coders
        self._holdings, self._finder, self._links, self._federation = holdings, finder, links, federation
        self._spool, self._spool_key, self._transfers, self._clock = spool, spool_key, transfers, clock
        self._fetches = Fetches()

    async def retrieve(
        self, user: str, selections: Sequence[Selection], *, priority: Priority = Priority.MEDIUM
    ) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield a Total, then each instance once; failures of single instances as they are certain.

        Raises:
            StudyNotFound: nobody offers a study.
            Unreachable: it cannot be had now.
            RemoteError: a holder or an archive refused or broke the protocol.
        """
        earlier = 0  # instances of the selections before
        for selection in selections:
            total = 0
            async with aclosing(self._one(user, selection, priority)) as events:
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

    async def _one(self, user: str, selection: Selection, priority: Priority) -> AsyncGenerator[RetrieveEvent, None]:
        """From our own archive when nobody has more; from other holders when it does not give the study."""
        sent = set[str]()
        if self._is_ours(user, selection.study_uid):
            try:
                async with aclosing(self._local(user, selection)) as own:
                    async for event in own:
                        sent.add(event.sop_instance_uid if isinstance(event, Instance) else "")
                        yield event
                return
            except (Unreachable, ArchiveFailed, StudyNotFound) as error:
                if not await self._finder.offers_of(user, selection.study_uid):
                    raise
                log_event("own_archive_passed_over", reason=error.code)
        names = (user, selection.study_uid, *selection.series_uids, "/", *selection.sop_instance_uids)
        key = derive(self._spool_key, "idas spool", *names)
        shared = self._fetches.read(key, lambda held: self._remote(held, key, user, selection, priority))
        async with aclosing(shared) as events:
            async for event in events:
                if not isinstance(event, Instance) or event.sop_instance_uid not in sent:
                    yield event

    def _is_ours(self, user: str, study_uid: str) -> bool:
        ours = self._holdings.best_entries(study_uid)
        offered = self._finder.offers.valid(user, study_uid, now=self._clock.now())
        return bool(ours) and all(offer.instance_count <= ours[0].study.instance_count for offer in offered)

    async def _local(self, user: str, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        with self._transfers.transfer(Direction.IN, selection.study_uid, user) as transfer:
            transfer.path = LOCAL_PATH
            async with aclosing(self._holdings.open_local(selection)) as events:
                async for event in events:
                    transfer.count(event)
                    yield event

    async def _remote(
        self, held: ExitStack, key: bytes, user: str, selection: Selection, priority: Priority
    ) -> AsyncGenerator[RetrieveEvent, None]:
        with self._transfers.transfer(Direction.IN, selection.study_uid, user) as transfer:
            fetch: Fetch | None = None
            for _ in range(2):  # again with fresh tickets when a remembered one was refused
                offers = await self._finder.offers_of(user, selection.study_uid)
                if not offers:
                    raise self._error(fetch) or StudyNotFound()
                if fetch is None:
                    spooled = held.enter_context(self._spool.open(key, now=self._clock.now()))
                    fetch = self._fetch(spooled, transfer, user, selection, priority)
                refused = len(fetch.errors)
                async with aclosing(fetch.events(_holder(offer, selection) for offer in offers)) as events:
                    async for event in events:
                        transfer.count(event)
                        yield event
                if fetch.is_complete or not any(isinstance(one, TicketRefused) for one in fetch.errors[refused:]):
                    break
            if fetch is not None:
                for failed in fetch.failures:
                    transfer.count(failed)
                    yield failed
            if (error := self._error(fetch)) is not None:
                raise error

    def _fetch(
        self, spooled: SpooledTransfer, transfer: Transfer, user: str, selection: Selection, priority: Priority
    ) -> Fetch:
        return Fetch(
            Question(requester=self._identity.node_id, user=user, selection=selection, priority=priority),
            spooled,
            dial=self._links.image,
            is_true=is_named_truly,
            watcher=FetchLog(transfer, self._federation, self._finder.offers, user, selection.study_uid),
            clock=self._clock,
            coders=self._coders,
        )

    def _error(self, fetch: Fetch | None) -> IdasError | None:
        """What a retrieval that found no whole copy ends with: why the last holder was given up."""
        if fetch is None or fetch.was_whole or not fetch.errors:
            return None
        return fetch.errors[-1]


def _holder(offer: Offer, selection: Selection) -> Holder:
    is_all = not (selection.series_uids or selection.sop_instance_uids)
    return Holder(offer.holder, offer.ticket, offer.instance_count if is_all else 0)


def is_named_truly(instance: Instance) -> bool:
    """Whether the data set itself bears the names it came under: another patient's image must not pass as this one."""
    try:
        return bears_its_names(instance)
    except (MalformedInstance, OSError):
        return False
