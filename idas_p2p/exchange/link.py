"""The requester's end of one image link: the request, what is wanted, and what comes, checked.

Belongs here: sending those messages, the deadline of silence. Not here: what a holder may send (receiver.py), what to
want of whom (shares.py). Source: docs/spec/exchange.md section 4.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from idas_p2p.errors import BadQuery, PeerUnreachable
from idas_p2p.exchange.codec.coders import Coders
from idas_p2p.exchange.deadline import Deadline
from idas_p2p.exchange.interfaces import Channel, TransferSpool
from idas_p2p.exchange.receiver import Receiver, ReceiverEvent
from idas_p2p.exchange.signed_manifest import Evidence, TransferManifest
from idas_p2p.exchange.unpack import Unpacker
from idas_p2p.wire.fetching import (
    MAX_INSTANCES,
    MAX_SERIES,
    MAX_WANTED,
    Chunk,
    Done,
    FetchRequest,
    Mode,
    Priority,
    Taken,
    Ticket,
    Want,
    Wanted,
)
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Selection
from idas_p2p.wire.messages import encode_message

SILENCE_TIMEOUT = 300.0  # seconds until the next message; ours: an archive may have to load a tape first


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is fetched, for whom; the same for every holder. Identifying: never log it."""

    requester: NodeId
    user: str
    selection: Selection
    priority: Priority = Priority.MEDIUM

    def request(self, ticket: Ticket, mode: Mode) -> FetchRequest:
        """The message that opens an image link.

        Raises:
            BadQuery: the selection names too much.
        """
        selection = self.selection
        if len(selection.series_uids) > MAX_SERIES or len(selection.sop_instance_uids) > MAX_INSTANCES:
            raise BadQuery(f"one retrieval names at most {MAX_SERIES} series and {MAX_INSTANCES} images")
        return FetchRequest(
            user=self.user,
            ticket=ticket,
            study_uid=selection.study_uid,
            series_uids=selection.series_uids,
            sop_instance_uids=selection.sop_instance_uids,
            mode=mode,
            priority=self.priority,
        )


class FetchLink:
    """One fetch over one channel.

    Args:
        channel: a fresh image link to a holder.
        question: what to ask.
        ticket: the holder's.
        mode: how the study shall come.
        spool: where instances are kept.
        silence_timeout: seconds that may pass without a message.
        coders: decode chunks; in place when there are none.
    """

    def __init__(
        self,
        channel: Channel,
        question: Question,
        ticket: Ticket,
        mode: Mode,
        spool: TransferSpool,
        *,
        silence_timeout: float = SILENCE_TIMEOUT,
        coders: Coders | None = None,
    ) -> None:
        self._coders = coders
        self._channel = channel
        self._sending, self._receiving = Deadline(silence_timeout), Deadline(silence_timeout)
        self._request = question.request(ticket, mode)
        study_uid = question.selection.study_uid
        manifest = TransferManifest(holder=channel.peer, requester=question.requester, study_uid=study_uid)
        self._receiver = Receiver(question.selection, spool, manifest=manifest, mode=mode)
        self._is_done = False

    @property
    def round_trip(self) -> float:
        """Seconds to the holder and back; 0 when unknown."""
        return self._channel.round_trip or 0.0

    @property
    def evidence(self) -> Evidence | None:
        """What the holder signed; None before it ended the fetch."""
        return self._receiver.evidence

    async def events(self) -> AsyncGenerator[tuple[int, list[ReceiverEvent]], None]:
        """Send the request; yield for each message its bytes of a data set and what it completes, until the end.

        The channel is closed when the iterator ends, and an unfinished instance kept for a later attempt.

        Raises:
            ChannelClosed: the link broke.
            PeerUnreachable: the holder fell silent.
            RemoteError: it refused, or broke the protocol.
            SpoolFull: no room here.
        """
        receiver = self._receiver
        try:
            await self._send(self._request)
            async with aclosing(Unpacker(self._coders).messages(self._receive)) as messages:
                async for message, piece in messages:
                    events = receiver.receive(message, piece)
                    yield (message.size if isinstance(message, Chunk) else 0), events
                    if receiver.is_over:
                        return
        finally:
            receiver.pause()
            await self._channel.close()

    async def want(self, instances: Sequence[Wanted]) -> None:
        """Want listed instances, in this order; ChannelClosed when the link broke."""
        for one in instances:
            self._receiver.want(one)
        for offset in range(0, len(instances), MAX_WANTED):
            await self._send(Want(instances=tuple(instances[offset : offset + MAX_WANTED])))

    async def taken(self, uids: Sequence[str]) -> None:
        """Say that instances need not be kept any more; ChannelClosed when the link broke."""
        for offset in range(0, len(uids), MAX_WANTED):
            await self._send(Taken(sop_instance_uids=tuple(uids[offset : offset + MAX_WANTED])))

    async def done(self) -> None:
        """Say once that nothing more is wanted; ChannelClosed when the link broke."""
        if not self._is_done:
            self._is_done = True
            self._receiver.done()
            await self._send(Done())

    async def close(self) -> None:
        """End the link; may be repeated."""
        await self._channel.close()

    async def _send(self, message: Any) -> None:
        try:
            async with self._sending:
                await self._channel.send(encode_message(message))
        except TimeoutError:
            raise PeerUnreachable("the holder takes nothing") from None

    async def _receive(self) -> bytes:
        try:
            async with self._receiving:
                return await self._channel.receive()
        except TimeoutError:
            raise PeerUnreachable("the holder fell silent") from None
