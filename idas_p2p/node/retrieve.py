"""Bring a study to one of our users: from our own archives, and from the members that hold more of it.

Law: an instance is yielded once, after its digest was checked; what is still missing at the end is said. Belongs here:
our own archive or others, tickets, when to give up. Not here: one or several holders (exchange/fetch.py), sharing
between workstations (fetches.py), what is said of it (fetch_log.py), delivery (dicom/deliver.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import Final

from idas_p2p.access.federations import Belonging
from idas_p2p.clock import Clock
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.dicom.scan import bears_its_names
from idas_p2p.errors import (
    ArchiveFailed,
    IdasError,
    MalformedInstance,
    RemoteError,
    StudyNotFound,
    TicketRefused,
    Unreachable,
)
from idas_p2p.events import log_event
from idas_p2p.exchange.codec.coders import Coders
from idas_p2p.exchange.coding import cuts
from idas_p2p.exchange.conversation import Holder
from idas_p2p.exchange.copies import Copy
from idas_p2p.exchange.digests import digests_of
from idas_p2p.exchange.fetch import Fetch
from idas_p2p.exchange.link import Question
from idas_p2p.node.fetch_log import FetchLog
from idas_p2p.node.fetches import Fetches
from idas_p2p.node.find import Finder, Offer
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.transfers import Transfer, Transfers
from idas_p2p.node.warming import Warming
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
        images: opens image links.
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
        images: Warming,
        federation: Belonging,
        spool: Spool,
        *,
        spool_key: bytes,
        transfers: Transfers,
        clock: Clock,
        coders: Coders | None = None,
    ) -> None:
        self._identity, self._coders = identity, coders
        self._holdings, self._finder, self._images, self._federation = holdings, finder, images, federation
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
        """From our own archives first; what others have beside that, as far as their copies agree, from them."""
        own, is_whole = dict[str, Copy](), False
        if not self._holdings.own_level(user, selection.study_uid).is_none:
            try:
                async with aclosing(self._local(user, selection, own)) as events:
                    async for event in events:
                        yield event
                is_whole = True
            except (Unreachable, ArchiveFailed, StudyNotFound) as error:
                if not await self._finder.offers_of(user, selection.study_uid):
                    raise
                log_event("own_archive_passed_over", reason=error.code)
        if is_whole and not self._finder.offers.valid(user, selection.study_uid, now=self._clock.now()):
            return
        names = (user, selection.study_uid, *selection.series_uids, "/", *selection.sop_instance_uids)
        key = derive(self._spool_key, "idas spool", *names, *(["own"] if own else []))
        ask = _Ask(user, selection, priority, own, is_whole)
        try:
            async with aclosing(self._fetches.read(key, lambda held: self._remote(held, key, ask))) as rest:
                async for event in rest:
                    yield event
        except (Unreachable, RemoteError) as error:
            if not is_whole:
                raise
            log_event("others_not_compared", reason=error.code)

    async def _local(
        self, user: str, selection: Selection, given: dict[str, Copy]
    ) -> AsyncGenerator[RetrieveEvent, None]:
        """What our archives give; `given` gets the version of each instance."""
        with self._transfers.transfer(Direction.IN, selection.study_uid, user) as transfer:
            transfer.path = LOCAL_PATH
            async with aclosing(self._holdings.open_own(user, selection)) as events:
                async for event in events:
                    transfer.count(event)
                    if isinstance(event, Instance):
                        digests = await digests_of(event.data, cuts(event.data.size, None))
                        given[event.sop_instance_uid] = Copy(event.data.size, digests.whole)
                    yield event

    async def _remote(self, held: ExitStack, key: bytes, ask: _Ask) -> AsyncGenerator[RetrieveEvent, None]:
        user, selection = ask.user, ask.selection
        with self._transfers.transfer(Direction.IN, selection.study_uid, user) as transfer:
            fetch: Fetch | None = None
            for _ in range(2):  # again with fresh tickets when a remembered one was refused
                offers = await self._finder.offers_of(user, selection.study_uid)
                if not offers:
                    raise self._error(fetch) or StudyNotFound()
                if fetch is None:
                    spooled = held.enter_context(self._spool.open(key, now=self._clock.now()))
                    fetch = self._fetch(spooled, transfer, ask)
                refused = len(fetch.errors)
                async with aclosing(fetch.events(_holder(offer, ask) for offer in offers)) as events:
                    async for event in events:
                        transfer.count(Total(event.count - len(ask.own)) if isinstance(event, Total) else event)
                        yield event
                if fetch.is_complete or not any(isinstance(one, TicketRefused) for one in fetch.errors[refused:]):
                    break
            if fetch is not None:
                for failed in fetch.failures:
                    transfer.count(failed)
                    yield failed
            if (error := self._error(fetch)) is not None:
                raise error

    def _fetch(self, spooled: SpooledTransfer, transfer: Transfer, ask: _Ask) -> Fetch:
        selection = ask.selection
        fetch = Fetch(
            Question(requester=self._identity.node_id, user=ask.user, selection=selection, priority=ask.priority),
            spooled,
            dial=self._images.image,
            is_true=is_named_truly,
            watcher=FetchLog(transfer, self._federation, self._finder.offers, ask.user, selection.study_uid),
            clock=self._clock,
            coders=self._coders,
        )
        if ask.own:
            fetch.start_with(ask.own, is_whole=ask.is_whole)
        return fetch

    def _error(self, fetch: Fetch | None) -> IdasError | None:
        """What a retrieval that found no whole copy ends with: why the last holder was given up."""
        if fetch is None or fetch.was_whole or not fetch.errors:
            return None
        return fetch.errors[-1]


@dataclass(frozen=True, slots=True, repr=False)
class _Ask:
    """What other members are asked for."""

    user: str
    selection: Selection
    priority: Priority
    own: Mapping[str, Copy]  # what came from our own archives, by SOP Instance UID
    is_whole: bool  # whether that is all they have


def _holder(offer: Offer, ask: _Ask) -> Holder:
    """A holder, and how many instances it has of what is asked for: more than we, as long as it has not said so."""
    is_all = not (ask.selection.series_uids or ask.selection.sop_instance_uids)
    return Holder(offer.holder, offer.ticket, max(offer.instance_count if is_all else 0, len(ask.own) + bool(ask.own)))


def is_named_truly(instance: Instance) -> bool:
    """Whether the data set itself bears the names it came under: another patient's image must not pass as this one."""
    try:
        return bears_its_names(instance)
    except (MalformedInstance, OSError):
        return False
