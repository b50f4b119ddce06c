"""Delivery to a workstation: instances by C-STORE over associations of our own, as they arrive.

Belongs here: when to associate again, what to do when an association is lost, progress. Not here: where instances come
from. Law: at most AHEAD instances wait here; the source is pulled no faster than the destination takes.
Source: PS3.4 Annex B and C.4.2.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.contexts import MAX_CONTEXTS, Pair, proposals
from idas_p2p.dicom.link import Link
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.retrieve import DeliveryReport, Outcome, Progress
from idas_p2p.dicom.sending import Originator, store_instance
from idas_p2p.dicom.sockets import make_ae
from idas_p2p.errors import Busy, CannotConvert, ChannelClosed, DestinationFailed, DestinationUnreachable
from idas_p2p.events import log_event
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Total

REJECTED_TRANSIENT: Final = 2  # result of an A-ASSOCIATE-RJ, PS3.8 Table 9-21
BUSY_TIMEOUT: Final = 30.0  # seconds to ask a destination again that has reached its limit of associations; ours
BUSY_DELAY: Final = 0.25  # seconds between two such attempts; ours
CANCEL_TIMEOUT: Final = 5.0  # seconds an instance in flight has to end when the delivery is cancelled; ours
AHEAD: Final = 2  # instances taken from the source while another is being sent; ours

OnProgress = Callable[[DeliveryReport], None]

__all__ = ["DeliveryReport", "Progress", "deliver"]


class Destination:
    """A storage SCP and the association we have with it. Blocking; one instance at a time.

    Args:
        remote: whom to send to.
        originator: the C-MOVE this belongs to, if any.
    """

    def __init__(self, remote: RemoteAE, originator: Originator | None) -> None:
        self._remote = remote
        self._originator = originator
        self._link: Link | None = None
        self._pairs: list[Pair] = []  # what the present association was proposed for, latest first
        self._message_id = 0
        self._lock = threading.Lock()

    def store(self, instance: Instance) -> Outcome:
        """Send one instance, over a new association when the present one does not do.

        Raises:
            DestinationUnreachable: no connection.
            DestinationFailed: it rejected the association, or gave no answer.
            Busy: it rejected the association for the time being; try again.
            CannotConvert: it accepts the instance in no transfer syntax that can be reached without loss.
        """
        with self._lock:
            pair = (instance.sop_class_uid, instance.transfer_syntax_uid)
            is_fresh = self._prepare(pair)
            try:
                return self._send(instance)
            except ChannelClosed:
                if is_fresh:
                    raise DestinationFailed("it closed the association") from None
            self._drop()
            self._prepare(pair)  # it may have grown tired of waiting: once more
            try:
                return self._send(instance)
            except ChannelClosed:
                raise DestinationFailed("it closed the association twice") from None

    def close(self) -> None:
        """Release the association, if there is one."""
        with self._lock:
            if self._link is not None and not self._link.is_gone:
                self._link.release()
            self._drop()

    def abort(self) -> None:
        """End the association under whoever uses it."""
        link = self._link
        if link is not None:
            link.end()

    def _send(self, instance: Instance) -> Outcome:
        if self._link is None:
            return Outcome.FAILED  # nothing that was proposed is accepted
        self._message_id = self._message_id % 0xFFFF + 1
        return store_instance(self._link, instance, message_id=self._message_id, originator=self._originator)

    def _prepare(self, pair: Pair) -> bool:
        """Have an association that was proposed for this pair; whether it is a new one."""
        if pair in self._pairs and not (self._link is not None and self._link.is_gone):
            return False
        if self._link is not None and not self._link.is_gone:
            self._link.release()
        self._drop()
        pairs = [pair, *(other for other in self._pairs if other != pair)][: MAX_CONTEXTS // 2]
        self._link = self._associate(pairs)
        self._pairs = pairs
        return True

    def _associate(self, pairs: list[Pair]) -> Link | None:
        """Associate for these pairs; None when the destination accepts none of them."""
        address = self._remote.address
        entity = make_ae(self._remote.calling_aet)
        try:
            link = entity.associate(
                address.host,
                address.port,
                contexts=proposals(pairs),
                ae_title=self._remote.aet,
                tls_args=self._remote.tls_args,
            )
        except OSError:
            raise DestinationUnreachable("its host name cannot be resolved") from None
        if link.is_established:
            link.hold()
            return link
        link.end()
        if link.is_rejected:
            if link.acceptor.primitive.result == REJECTED_TRANSIENT:
                raise Busy("the destination has reached a limit")
            raise DestinationFailed("it rejected the association")
        if link.was_answered:
            log_event("destination_accepts_nothing", count=len(pairs))
            return None
        raise DestinationUnreachable(link.trouble or "no connection")

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.end()


async def deliver(
    bridge: Bridge,
    destination: RemoteAE,
    events: AsyncIterator[RetrieveEvent],
    *,
    on_progress: OnProgress,
    originator: Originator | None = None,
) -> DeliveryReport:
    """Send what arrives to a destination.

    When cancelled, the instance being sent has CANCEL_TIMEOUT to be finished and counted first.

    Args:
        bridge: where blocking calls run.
        destination: a storage SCP.
        events: the source; closed in any case.
        on_progress: called on the loop after each event, with what is true so far.
        originator: AE title and message ID of the C-MOVE this belongs to.

    Returns:
        What was done. What the source promised and did not bring counts as failed.

    Raises:
        DestinationUnreachable: no connection.
        DestinationFailed: it rejected the association or fell silent.
        IdasError: what the source raised.
    """
    target = Destination(destination, originator)
    report = DeliveryReport()
    try:
        async with aclosing(_ahead(events)) as ready:
            async for event in ready:
                if isinstance(event, Total):
                    report = report.with_total(event.count)
                elif isinstance(event, InstanceFailed):
                    report = report.with_outcome(Outcome.FAILED, event.sop_instance_uid)
                else:
                    report = await _store(bridge, target, event, report, on_progress)
                on_progress(report)
        return report.finished()
    finally:
        await asyncio.shield(bridge.begin(target.close))


async def _store(
    bridge: Bridge, target: Destination, instance: Instance, report: DeliveryReport, on_progress: OnProgress
) -> DeliveryReport:
    """Send one instance and count it; a destination that is busy gets some time."""
    give_up_at = asyncio.get_running_loop().time() + BUSY_TIMEOUT
    while True:
        try:
            return await _store_once(bridge, target, instance, report, on_progress)
        except Busy:
            if asyncio.get_running_loop().time() > give_up_at:
                raise DestinationFailed("it rejected every association for the time being") from None
        await asyncio.sleep(BUSY_DELAY)


async def _store_once(
    bridge: Bridge, target: Destination, instance: Instance, report: DeliveryReport, on_progress: OnProgress
) -> DeliveryReport:
    """Send one instance and count it, even when cancelled meanwhile."""
    work = bridge.begin(target.store, instance)
    try:
        outcome = await asyncio.shield(work)
    except CannotConvert as error:
        return report.with_outcome(Outcome.FAILED, instance.sop_instance_uid, remark=error.detail)
    except asyncio.CancelledError:
        await asyncio.wait([work], timeout=CANCEL_TIMEOUT)
        if not work.done():
            await bridge.begin(target.abort)
            await asyncio.wait([work], timeout=CANCEL_TIMEOUT)
        if work.done() and not work.cancelled() and work.exception() is None:
            on_progress(report.with_outcome(work.result(), instance.sop_instance_uid, size=instance.data.size))
        raise
    return report.with_outcome(outcome, instance.sop_instance_uid, size=instance.data.size)


async def _ahead(events: AsyncIterator[RetrieveEvent]) -> AsyncGenerator[RetrieveEvent, None]:
    """The same events, up to AHEAD of them taken before they are asked for."""
    queue: asyncio.Queue[RetrieveEvent | Exception | None] = asyncio.Queue(AHEAD)

    async def take() -> None:
        try:
            async for event in events:
                await queue.put(event)
            await queue.put(None)
        except Exception as error:  # raised where the events are read
            await queue.put(error)
        finally:
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()

    owner = TaskOwner(limit=1)
    owner.start("delivery_source", take())
    try:
        while (item := await queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        await owner.stop()
