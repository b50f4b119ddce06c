"""The holder's side of an image link: one checked request, then the study's instances as the archive gives them.

Source: docs/spec/exchange.md section 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from idas_p2p.access.policy import Requester
from idas_p2p.blob import pieces
from idas_p2p.errors import IdasError
from idas_p2p.exchange.coding import Encoder
from idas_p2p.exchange.interfaces import Channel, PixelLayout, StudySource
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection, Total
from idas_p2p.wire.messages import (
    FetchEnd,
    FetchRequest,
    FetchStart,
    InstanceHead,
    InstanceLost,
    encode_message,
    instance_mark,
)

NEAR_ROUND_TRIP: Final = 0.002  # seconds; ours: a LAN or one machine, where bytes travel faster than they are coded

LayoutReader = Callable[[Instance], tuple[PixelLayout | None, bool]]
"""Where an instance's native pixels lie, and whether it is compressed already."""


async def send_study(
    channel: Channel,
    request: FetchRequest,
    *,
    requester: Requester,
    source: StudySource,
    still_allowed: Callable[[], bool],
    layout_of: LayoutReader,
) -> None:
    """Send what was asked for; returns when all is sent or the refusal is.

    Args:
        channel: the image link, its request already read.
        request: whose ticket was checked.
        requester: who asks, proved.
        source: gives the instances.
        still_allowed: asked before each instance; False ends the transfer at once.
        layout_of: how to cut each instance.

    Raises:
        ChannelClosed: the requester went away.
    """
    selection = Selection(
        study_uid=request.study_uid, series_uids=request.series_uids, sop_instance_uids=request.sop_instance_uids
    )
    have, encoder, code = frozenset(request.have), Encoder(), ""
    events = source.open_study(requester, selection)
    try:
        async for event in events:
            if not still_allowed():
                code = "remote.denied"
                break
            if isinstance(event, Total):
                await channel.send(encode_message(FetchStart(total=max(0, event.count - len(have)))))
            elif isinstance(event, InstanceFailed):
                lost = InstanceLost(sop_instance_uid=event.sop_instance_uid, code=event.reason.code)
                await channel.send(encode_message(lost))
            elif instance_mark(event.sop_instance_uid) not in have:
                await _send_instance(channel, event, encoder, layout_of)
    except IdasError as error:
        code = error.code
    finally:
        await events.aclose()  # type: ignore[attr-defined]
    await channel.send(encode_message(FetchEnd(code=code)))


async def refuse(channel: Channel, code: str) -> None:
    """End an image link with an error's code and nothing else."""
    await channel.send(encode_message(FetchEnd(code=code)))


async def _send_instance(channel: Channel, instance: Instance, encoder: Encoder, layout_of: LayoutReader) -> None:
    digest = hashlib.blake2b(digest_size=32)
    for piece in pieces(instance.data, CHUNK_SIZE):
        digest.update(piece)
    head = InstanceHead(
        series_uid=instance.series_uid,
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        size=instance.data.size,
        digest=digest.digest(),
    )
    await channel.send(encode_message(head))
    layout, packed = layout_of(instance)
    as_is = packed or _is_near(channel)
    for chunk in encoder.chunks(instance.series_uid, instance.data, layout, packed=as_is):
        await channel.send(encode_message(chunk))


def _is_near(channel: Channel) -> bool:
    """Whether the link is so fast that coding pixels would only slow it; a queue on it shows in the round trip."""
    return channel.round_trip is not None and channel.round_trip < NEAR_ROUND_TRIP
