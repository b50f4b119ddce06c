"""The requester's side of an image link: every instance verified and spooled before anyone sees it.

Source: docs/spec/exchange.md section 4.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from idas_p2p.errors import (
    AccessDenied,
    ArchiveFailed,
    ArchiveUnreachable,
    Busy,
    ChannelClosed,
    DigestMismatch,
    IdasError,
    MalformedInstance,
    RemoteError,
    StudyNotFound,
    TicketRefused,
    WireError,
)
from idas_p2p.exchange.coding import Decoder
from idas_p2p.exchange.interfaces import Channel, InstanceWriter, TransferSpool
from idas_p2p.limits import MAX_INSTANCE_SIZE
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.messages import (
    Chunk,
    FetchEnd,
    FetchRequest,
    FetchStart,
    InstanceHead,
    InstanceLost,
    Ticket,
    decode_message,
    encode_message,
    instance_mark,
)

_BY_CODE: dict[str, type[IdasError]] = {
    kind.code: kind
    for kind in (AccessDenied, ArchiveFailed, ArchiveUnreachable, Busy, MalformedInstance, StudyNotFound, TicketRefused)
}


def error_of(code: str) -> IdasError:
    """The error that a code from another node stands for; unknown codes are a plain RemoteError."""
    return _BY_CODE.get(code, RemoteError)()


@dataclass(slots=True)
class FetchState:
    """What is known of a fetch over all its attempts."""

    total: int = 0
    seen: set[str] = field(default_factory=set)  # SOP Instance UIDs yielded, arrived or failed


async def fetch(
    channel: Channel, selection: Selection, ticket: Ticket, user: str, spool: TransferSpool, state: FetchState
) -> AsyncIterator[RetrieveEvent]:
    """Ask for a study on a fresh image link and yield what arrives.

    Instances the spool has from an earlier attempt are not asked for again; those not yet yielded come first.

    Args:
        channel: an image link to a holder; closed when the iterator ends.
        selection: what of the study.
        ticket: issued by this holder for us and the user.
        user: who asks, as in the find.
        spool: where instances are kept.
        state: shared by all attempts at this fetch.

    Raises:
        ChannelClosed: the link broke; what arrived is kept, ask again.
        RemoteError: the holder refused or broke the protocol.
        SpoolFull: no room here.
    """
    try:
        present = [i for i in spool.instances() if _selected(selection, i)]
        request = FetchRequest(
            user=user,
            ticket=ticket,
            study_uid=selection.study_uid,
            series_uids=selection.series_uids,
            sop_instance_uids=selection.sop_instance_uids,
            have=tuple(sorted(instance_mark(i.sop_instance_uid) for i in present)),
        )
        await channel.send(encode_message(request))
        receiver = _Receiver(selection.study_uid, spool)
        try:
            while True:
                message = decode_message(await channel.receive())
                if isinstance(message, FetchEnd):
                    if message.code:
                        raise error_of(message.code)
                    return
                if isinstance(message, FetchStart):
                    state.total = message.total + len(present)
                    yield Total(state.total)
                    for instance in present:
                        if instance.sop_instance_uid not in state.seen:
                            state.seen.add(instance.sop_instance_uid)
                            yield instance
                elif (event := receiver.receive(message)) is not None:
                    state.seen.add(event.sop_instance_uid)
                    yield event
        finally:
            receiver.abort()
    finally:
        await channel.close()


def _selected(selection: Selection, instance: Instance) -> bool:
    return selection.includes(series_uid=instance.series_uid, sop_instance_uid=instance.sop_instance_uid)


class _Receiver:
    """Puts chunks together; one instance at a time, in the order of the link."""

    def __init__(self, study_uid: str, spool: TransferSpool) -> None:
        self._study_uid, self._spool = study_uid, spool
        self._decoder = Decoder()
        self._head: InstanceHead | None = None
        self._writer: InstanceWriter | None = None
        self._received = 0

    def receive(self, message: object) -> Instance | InstanceFailed | None:
        """Take a message; return an instance or failure it completes."""
        if isinstance(message, InstanceHead):
            return self._begin(message)
        if isinstance(message, Chunk):
            return self._continue(message)
        if isinstance(message, InstanceLost):
            return InstanceFailed(sop_instance_uid=message.sop_instance_uid, reason=error_of(message.code))
        raise WireError("unexpected message on an image link")

    def abort(self) -> None:
        """Throw away an unfinished instance."""
        if self._writer is not None:
            self._writer.abort()
        self._head, self._writer = None, None

    def _begin(self, head: InstanceHead) -> Instance | InstanceFailed | None:
        if self._head is not None or head.size > MAX_INSTANCE_SIZE:
            raise WireError("an instance begins inside another, or is too large")
        self._head, self._received = head, 0
        self._writer = self._spool.begin(
            study_uid=self._study_uid,
            series_uid=head.series_uid,
            sop_class_uid=head.sop_class_uid,
            sop_instance_uid=head.sop_instance_uid,
            transfer_syntax_uid=head.transfer_syntax_uid,
            size=head.size,
            digest=head.digest,
        )
        return self._finish() if head.size == 0 else None

    def _continue(self, chunk: Chunk) -> Instance | InstanceFailed | None:
        head, writer = self._head, self._writer
        if head is None or writer is None or self._received + chunk.size > head.size or not chunk.size:
            raise WireError("a chunk belongs to no instance")
        writer.write(self._decoder.decode(head.series_uid, chunk, first=self._received == 0))
        self._received += chunk.size
        return self._finish() if self._received == head.size else None

    def _finish(self) -> Instance | InstanceFailed:
        head, writer = self._head, self._writer
        if head is None or writer is None:
            raise ChannelClosed
        self._head, self._writer = None, None
        try:
            return writer.finish()
        except DigestMismatch as error:
            return InstanceFailed(sop_instance_uid=head.sop_instance_uid, reason=error)
