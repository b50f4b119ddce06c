"""Bring a study to one of our users: from our own archive, else from its holders, one after another.

Law: an instance is yielded once, after its digest was checked; one that failed at a holder is asked for at the next;
what is still missing at the end is said. Belongs here: order of holders, tries, and when to give up. Not here: the
image link (exchange/fetch.py), sharing between workstations (fetches.py), delivery (dicom/deliver.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import Final

from idas_p2p.access.federation import Federation
from idas_p2p.clock import Clock
from idas_p2p.crypto.kdf import derive
from idas_p2p.dicom.scan import header_of
from idas_p2p.errors import (
    ArchiveFailed,
    ChannelClosed,
    DatabaseBusy,
    DatabaseFull,
    DatabaseUnreachable,
    HandshakeFailed,
    IdasError,
    LocalError,
    MalformedInstance,
    PeerUnreachable,
    SpoolFull,
    StudyNotFound,
    TicketRefused,
    Unreachable,
    UserError,
)
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
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total

PATIENCE: Final = 30.0  # seconds of failures without a new instance before a holder that answered is given up; ours
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
        self._fetches = Fetches()

    async def retrieve(self, user: str, selections: Sequence[Selection]) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield a Total, then each instance once; failures of single instances as they are certain.

        Raises:
            StudyNotFound: nobody offers a study.
            Unreachable: it cannot be had now.
            RemoteError: a holder or an archive refused or broke the protocol.
        """
        earlier = 0  # instances of the selections before
        for selection in selections:
            total = 0
            async with aclosing(self._one(user, selection)) as events:
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

    async def _one(self, user: str, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
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
        shared = self._fetches.read(key, lambda held: self._remote(held, key, user, selection))
        async with aclosing(shared) as events:
            async for event in events:
                if not isinstance(event, Instance) or event.sop_instance_uid not in sent:
                    yield event

    def _is_ours(self, user: str, study_uid: str) -> bool:
        ours = self._holdings.instance_count(study_uid)
        offered = self._finder.offers.valid(user, study_uid, now=self._clock.now())
        return self._holdings.holds(study_uid) and all(offer.instance_count <= ours for offer in offered)

    async def _local(self, user: str, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        with self._transfers.transfer(Direction.IN, selection.study_uid, user) as transfer:
            transfer.path = LOCAL_PATH
            async with aclosing(self._holdings.open_local(selection)) as events:
                async for event in events:
                    transfer.count(event)
                    yield event

    async def _remote(
        self, held: ExitStack, key: bytes, user: str, selection: Selection
    ) -> AsyncGenerator[RetrieveEvent, None]:
        with self._transfers.transfer(Direction.IN, selection.study_uid, user) as transfer:
            attempt = _Attempt(transfer, FetchState())
            spooled: SpooledTransfer | None = None
            for _ in range(2):  # again with fresh tickets when a remembered one was refused
                offers = await self._finder.offers_of(user, selection.study_uid)
                if not offers:
                    raise attempt.error or StudyNotFound()
                if spooled is None:
                    spooled = held.enter_context(self._spool.open(key, now=self._clock.now()))
                for offer in offers:
                    async with aclosing(self._from_holder(offer, user, selection, spooled, attempt)) as events:
                        async for event in events:
                            yield event
                    if attempt.is_complete:
                        return
                if not isinstance(attempt.error, TicketRefused):
                    break
            for failed in attempt.failures.values():
                transfer.count(failed)
                yield failed
            if attempt.error is not None:
                raise attempt.error

    async def _from_holder(
        self, offer: Offer, user: str, selection: Selection, spooled: SpooledTransfer, attempt: _Attempt
    ) -> AsyncGenerator[RetrieveEvent, None]:
        """Try one holder until it sent all, refused, or was silent for too long."""
        holder, answered, broken = offer.holder, False, Broken()
        attempt.transfer.partners.append(self._federation.institution(holder) or holder.short)
        while True:
            try:
                channel = await self._links.image(holder)
                answered = True
                attempt.transfer.use(channel)
                events = fetch(channel, selection, offer.ticket, user, spooled, attempt.state)
                async with aclosing(events):  # type: ignore[type-var]
                    async for event in events:
                        broken = Broken()
                        if (passed_on := attempt.take(event)) is not None:
                            yield passed_on
                attempt.ended(None)
                return
            except (SpoolFull, UserError, LocalError, DatabaseBusy, DatabaseFull, DatabaseUnreachable):
                raise  # ours: another holder would not help
            except (ChannelClosed, PeerUnreachable, HandshakeFailed) as error:
                attempt.ended(error)
                broken = broken.again(now=self._clock.monotonic())
                if not answered or broken.is_hopeless(now=self._clock.monotonic()):
                    return
            except IdasError as error:
                attempt.ended(error)
                if isinstance(error, TicketRefused):
                    self._finder.offers.forget(user, selection.study_uid, holder)
                return
            log_event(
                "fetch_interrupted", peer=holder.short, reason=ChannelClosed.code, request=attempt.transfer.number
            )
            await asyncio.sleep(broken.delay)


def is_named_truly(instance: Instance) -> bool:
    """Whether the data set itself bears the names it came under: another patient's image must not pass as this one."""
    try:
        header = header_of(instance.data, instance.transfer_syntax_uid)
    except (MalformedInstance, OSError):
        return False
    named = header.instance(instance.data, instance.transfer_syntax_uid)
    return named == instance


@dataclass(frozen=True, slots=True)
class Broken:
    """How long a holder that once answered has brought nothing; a fresh one after each event."""

    since: float | None = None  # monotonic seconds of the first failure
    failures: int = 0

    def again(self, *, now: float) -> Broken:
        """One failure more."""
        return Broken(now if self.since is None else self.since, self.failures + 1)

    def is_hopeless(self, *, now: float) -> bool:
        """Whether to give it up."""
        return self.since is not None and now - self.since > PATIENCE

    @property
    def delay(self) -> float:
        """Seconds until the next try."""
        return min(FIRST_DELAY * 2.0 ** min(self.failures - 1, 16), LONGEST_DELAY)


class _Attempt:
    """What a retrieval knows over all holders and tries."""

    def __init__(self, transfer: Transfer, state: FetchState) -> None:
        self.transfer, self.state = transfer, state
        self.failures: dict[str, InstanceFailed] = {}
        self.error: IdasError | None = None
        self.is_complete = False
        self._was_whole = False  # one holder sent or named as failed all it has

    def take(self, event: RetrieveEvent) -> RetrieveEvent | None:
        """Count an event; failures wait, since the next holder may have the instance."""
        if isinstance(event, Instance) and not is_named_truly(event):
            reason = MalformedInstance("the data set is of another instance than the holder says")
            event = InstanceFailed(sop_instance_uid=event.sop_instance_uid, reason=reason)
        if isinstance(event, InstanceFailed):
            self.failures[event.sop_instance_uid] = event
            return None
        if isinstance(event, Instance):
            self.failures.pop(event.sop_instance_uid, None)
        if isinstance(event, Total):  # a holder that has less does not make the study smaller
            event = Total(max(event.count, self.transfer.total))
        self.transfer.count(event)
        return event

    def ended(self, error: IdasError | None) -> None:
        """Note how a holder ended; its error counts only while no holder sent all it has."""
        self._was_whole = self._was_whole or error is None
        self.error = None if self._was_whole else error
        has_all = self.transfer.instances >= self.transfer.total
        self.is_complete = error is None and not self.failures and has_all
