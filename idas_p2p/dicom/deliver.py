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
from idas_p2p.errors import ChannelClosed, DestinationFailed, DestinationUnreachable
from idas_p2p.events import log_event
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Total

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
        self._pairs = [pair, *(other for other in self._pairs if other != pair)][: MAX_CONTEXTS // 2]
        self._link = self._associate()
        return True

    def _associate(self) -> Link | None:
        address = self._remote.address
        entity = make_ae(self._remote.calling_aet)
        try:
            link = entity.associate(
                address.host, address.port, contexts=proposals(self._pairs), ae_title=self._remote.aet
            )
        except OSError:
            raise DestinationUnreachable("its host name cannot be resolved") from None
        if link.is_established:
            link.hold()
            return link
        link.end()
        if link.is_rejected:
            raise DestinationFailed("it rejected the association")
        if link.was_answered:
            log_event("destination_accepts_nothing", count=len(self._pairs))
            return None
        raise DestinationUnreachable("no connection")

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

    When cancelled, the instance being sent is finished and counted first.

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
    work = bridge.begin(target.store, instance)
    try:
        outcome = await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled() and work.exception() is None:
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
