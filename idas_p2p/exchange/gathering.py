"""What one retrieval has and knows: instances that are here, shares of the holders, and who waits for a change.

Belongs here: from what a link brought to what can be yielded. Not here: links (conversation.py), starting holders and
ending (fetch.py), decisions (shares.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.errors import ChannelClosed, DigestMismatch, IdasError, MalformedInstance
from idas_p2p.exchange.codes import error_of
from idas_p2p.exchange.copies import Copy
from idas_p2p.exchange.interfaces import TransferSpool
from idas_p2p.exchange.receiver import ReceiverEvent
from idas_p2p.exchange.shares import Shares
from idas_p2p.wire.fetching import InstanceListed, ListEnd, Mode, Wanted
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection, Total

MAX_UNTAKEN: Final = 8  # instances here that the reader has not taken before no more are wanted; ours
TICK: Final = 0.25  # seconds until silence is looked for again; ours


class Gathering:
    """One retrieval's state.

    Args:
        selection: what is fetched.
        spool: where instances are kept; what it has of the selection is here already.
        is_true: whether a data set is the instance it came as.
        clock: the time.
    """

    def __init__(
        self, selection: Selection, spool: TransferSpool, *, is_true: Callable[[Instance], bool], clock: Clock
    ) -> None:
        self.spool, self._is_true, self._clock = spool, is_true, clock
        digests = spool.digests()
        self._here = {one.sop_instance_uid: one for one in spool.instances() if _includes(selection, one)}  # unyielded
        self.shares = Shares({uid: digests[uid] for uid in self._here})
        self.has_beginnings = bool(spool.partial())  # perhaps; False: certainly not
        self._changed = asyncio.Event()  # set at each change, and a new one put in its place
        self._is_read = False  # the reader has taken all there is
        self.is_announced = False  # some holder has said how much there is
        self.is_over = False
        self.fatal: IdasError | None = None  # of this node; ends the retrieval
        self.errors: list[IdasError] = []  # of the holders, in order

    @property
    def is_new(self) -> bool:
        """Whether nothing of it was ever here."""
        return not (self.has_beginnings or self._here or self.shares.copies.delivered)

    @property
    def is_full(self) -> bool:
        """Whether the reader has to take something first."""
        return not self._is_read and self.shares.ahead >= MAX_UNTAKEN

    def start_with(self, delivered: Mapping[str, Copy], *, is_whole: bool) -> None:
        """Take over what came from elsewhere, which gives nothing more; `is_whole` when that was all it has."""
        number = self.shares.join(expected=len(delivered), now=self.now())
        for uid, copy in delivered.items():
            self.shares.listed(number, uid, copy)
            self.shares.arrived(number, uid, copy)
            self.shares.deliver(now=self.now())
        if is_whole:
            self.shares.list_ended(number, now=self.now())
        else:
            self.shares.gone(number)

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    def tell(self) -> None:
        """Something changed."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait(self) -> None:
        """Until something changed, or silence may have to be noticed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                await self._changed.wait()

    def deliverable(self) -> Iterator[Instance]:
        """What can be yielded now; while the reader is busy with it, little more is wanted."""
        self._is_read = False
        self._drop_stale()
        self.shares.release(self.now())
        while (deliverable := self.shares.deliver(now=self.now())) is not None:
            yield self._here.pop(deliverable)
        self._is_read = True
        self.tell()

    def wants(self, number: int, *, round_trip: float) -> list[Wanted]:
        """What to want of a holder now; arguments as for Shares.wants."""
        if self.is_full:
            return []
        uids = self.shares.wants(number, round_trip=round_trip, now=self.now())
        self._drop_stale()
        return [Wanted(sop_instance_uid=uid, start=self._start_of(uid)) for uid in uids]

    def _drop_stale(self) -> None:
        for uid in self.shares.stale():
            self._here.pop(uid, None)
            self.spool.drop(uid)

    def _start_of(self, uid: str) -> int:
        """How much of an instance is here."""
        copy = self.shares.copies.copy_of(uid)
        if not self.has_beginnings or copy is None:
            return 0
        kept = (one for one in self.spool.partial() if one.sop_instance_uid == uid)
        return next((one.kept for one in kept if (one.size, one.digest) == (copy.size, copy.digest)), 0)

    def take(self, number: int, event: ReceiverEvent, mode: Mode) -> None:
        """Take what a message of a holder completed."""
        shares = self.shares
        if isinstance(event, Total):
            self.is_announced = True
            shares.announced(number, event.count)
        elif isinstance(event, InstanceListed):
            shares.listed(number, event.sop_instance_uid, Copy(event.size, event.digest))
            if mode is Mode.ALL:
                shares.wanted(number, event.sop_instance_uid)
        elif isinstance(event, ListEnd):
            self._end_list(number, event)
        elif isinstance(event, InstanceFailed):
            is_lie = isinstance(event.reason, DigestMismatch)
            is_ours = isinstance(event.reason, ChannelClosed)  # its beginning is gone: from the first byte, then
            shares.failed(number, event.sop_instance_uid, event.reason, lied=is_lie, for_good=not is_ours)
        else:
            self._take_instance(number, event)

    def _take_instance(self, number: int, instance: Instance) -> None:
        uid, shares = instance.sop_instance_uid, self.shares
        if not self._is_true(instance):
            self.spool.drop(uid)
            reason = MalformedInstance("the data set is of another instance than the holder says")
            shares.failed(number, uid, reason, lied=True)
            return
        if uid not in shares.copies.delivered:
            self._here.setdefault(uid, instance)
        if (copy := shares.copies.listed_by(number, uid)) is not None:
            shares.arrived(number, uid, copy)
            self._drop_stale()  # before the right version comes

    def _end_list(self, number: int, end: ListEnd) -> None:
        if end.code:
            self.errors.append(error_of(end.code))
            self.shares.copies.list_broken(number)
        else:
            self.shares.list_ended(number, now=self.now())


def _includes(selection: Selection, one: Instance) -> bool:
    return selection.includes(series_uid=one.series_uid, sop_instance_uid=one.sop_instance_uid)
