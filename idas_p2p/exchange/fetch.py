"""The requester's side of an image link: every instance verified and spooled before anyone sees it.

Belongs here: the request, the deadline, what was yielded already. Not here: what a holder may send (receiver.py).
Source: docs/spec/exchange.md section 4.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from idas_p2p.errors import BadQuery, PeerUnreachable
from idas_p2p.exchange.interfaces import Channel, TransferSpool
from idas_p2p.exchange.receiver import Receiver
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection, Total
from idas_p2p.wire.messages import (
    MAX_HAVE,
    MAX_INSTANCES,
    MAX_SERIES,
    FetchRequest,
    Ticket,
    decode_message,
    encode_message,
    instance_mark,
)

SILENCE_TIMEOUT = 300.0  # seconds until the next message; ours: an archive may have to load a tape first


@dataclass(slots=True)
class FetchState:
    """What is known of a fetch over all its attempts."""

    total: int = 0
    seen: set[str] = field(default_factory=set)  # SOP Instance UIDs of the instances yielded


async def fetch(
    channel: Channel,
    selection: Selection,
    ticket: Ticket,
    user: str,
    spool: TransferSpool,
    state: FetchState,
    *,
    silence_timeout: float = SILENCE_TIMEOUT,
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
        silence_timeout: seconds that may pass without a message.

    Raises:
        ChannelClosed: the link broke; what arrived is kept, ask again.
        PeerUnreachable: the holder fell silent.
        RemoteError: the holder refused or broke the protocol.
        BadQuery: the selection names too much.
        SpoolFull: no room here.
    """
    try:
        present = [i for i in spool.instances() if _selected(selection, i)]
        have = tuple(sorted(instance_mark(i.sop_instance_uid) for i in present)[:MAX_HAVE])
        receiver = Receiver(selection, spool, present=present, have=have)
        try:
            async with asyncio.timeout(silence_timeout):
                await channel.send(encode_message(_request(selection, ticket, user, have)))
            while not receiver.is_over:
                async with asyncio.timeout(silence_timeout):
                    message = decode_message(await channel.receive())
                for event in receiver.receive(message):
                    if isinstance(event, Total):
                        state.total = event.count
                    elif isinstance(event, Instance):
                        if event.sop_instance_uid in state.seen:
                            continue
                        state.seen.add(event.sop_instance_uid)
                    yield event
        except TimeoutError:
            raise PeerUnreachable("the holder fell silent") from None
        finally:
            receiver.abort()
    finally:
        await channel.close()


def _request(selection: Selection, ticket: Ticket, user: str, have: tuple[bytes, ...]) -> FetchRequest:
    if len(selection.series_uids) > MAX_SERIES or len(selection.sop_instance_uids) > MAX_INSTANCES:
        raise BadQuery(f"one retrieval names at most {MAX_SERIES} series and {MAX_INSTANCES} images")
    return FetchRequest(
        user=user,
        ticket=ticket,
        study_uid=selection.study_uid,
        series_uids=selection.series_uids,
        sop_instance_uids=selection.sop_instance_uids,
        have=have,
    )


def _selected(selection: Selection, instance: Instance) -> bool:
    return selection.includes(series_uid=instance.series_uid, sop_instance_uid=instance.sop_instance_uid)
