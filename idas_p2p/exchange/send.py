"""The holder's side of an image link: one checked request, then the study's instances as the archive gives them.

Law: an instance is sent once, and only one that was asked for; whether the requester may have it is asked before each
message; one that cannot be read or named costs only itself. Source: docs/spec/exchange.md section 4.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Final

from idas_p2p.access.policy import Requester
from idas_p2p.blob import pieces
from idas_p2p.errors import AccessDenied, ArchiveFailed, ChannelClosed, IdasError, LocalError, MalformedInstance
from idas_p2p.events import log_event, log_failure
from idas_p2p.exchange.coding import Encoder
from idas_p2p.exchange.interfaces import Channel, PixelLayout, StudySource
from idas_p2p.limits import CHUNK_SIZE, MAX_INSTANCE_SIZE
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.messages import (
    MAX_ANNOUNCED,
    FetchEnd,
    FetchRequest,
    FetchStart,
    InstanceHead,
    InstanceLost,
    encode_message,
    instance_mark,
)

NEAR_ROUND_TRIP: Final = 0.002  # seconds; ours: a LAN or one machine, where bytes travel faster than they are coded
SEND_PATIENCE: Final = 600.0  # seconds for one message; ours: a requester whose workstation waits keeps its place
MAX_UID_SIZE: Final = 64  # characters; PS3.5 section 9.1

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
    patience: float = SEND_PATIENCE,
) -> None:
    """Send what was asked for; returns when all is sent or the refusal is.

    Args:
        channel: the image link, its request already read.
        request: whose ticket was checked.
        requester: who asks, proved.
        source: gives the instances.
        still_allowed: asked before each message; False ends the transfer at once.
        layout_of: how to cut each instance.
        patience: seconds that the requester may take nothing.

    Raises:
        ChannelClosed: the requester went away, or takes nothing.
    """
    selection = Selection(
        study_uid=request.study_uid, series_uids=request.series_uids, sop_instance_uids=request.sop_instance_uids
    )
    sender = _Sender(channel, selection, frozenset(request.have), still_allowed, layout_of, patience)
    code = ""
    try:
        async with aclosing(source.open_study(requester, selection)) as events:  # type: ignore[type-var]
            async for event in events:
                await sender.take(event)
        await sender.finish()
    except IdasError as error:
        code = error.code
    except Exception as error:  # a bug or a broken disk costs this transfer, and the requester is told
        log_failure("send_failed", error, peer=channel.peer.short)
        code = LocalError.code
    await channel.send(encode_message(FetchEnd(code=code)))


async def refuse(channel: Channel, code: str) -> None:
    """End an image link with an error's code and nothing else."""
    await channel.send(encode_message(FetchEnd(code=code)))


class _Sender:
    """Passes on the events of one study."""

    def __init__(
        self,
        channel: Channel,
        selection: Selection,
        have: frozenset[bytes],
        still_allowed: Callable[[], bool],
        layout_of: LayoutReader,
        patience: float,
    ) -> None:
        self._channel, self._selection, self._have = channel, selection, have
        self._still_allowed, self._layout_of, self._patience = still_allowed, layout_of, patience
        self._encoder = Encoder()
        self._total = 0  # events that the archive promised
        self._handled = 0  # and gave
        self._announced = -1
        self._done = set[bytes]()  # marks of the instances sent, lost or there already
        self._unnamed = 0  # instances that no message can name

    async def take(self, event: RetrieveEvent) -> None:
        """Pass one event on."""
        if isinstance(event, Total):
            self._total = event.count
            await self._announce(event.count)
            return
        self._handled += 1
        if isinstance(event, Instance) and not self._is_wanted(event):
            log_event("instance_not_asked_for", peer=self._channel.peer.short)
        elif not _is_uid(event.sop_instance_uid):
            self._unnamed += 1
        elif (mark := instance_mark(event.sop_instance_uid)) not in self._done:
            self._done.add(mark)
            if mark not in self._have:
                await self._announce(max(self._announced, len(self._done)))
                await self._pass_on(event)

    async def finish(self) -> None:
        """Say how many there were in the end.

        Raises:
            ArchiveFailed: the archive gave fewer than it had promised.
            MalformedInstance: it gave some that cannot be named.
        """
        if self._handled < self._total:
            raise ArchiveFailed("fewer instances than promised")
        if self._unnamed:
            raise MalformedInstance("an instance has no UID")
        await self._announce(len(self._done))

    def _is_wanted(self, instance: Instance) -> bool:
        return instance.study_uid == self._selection.study_uid and self._selection.includes(
            series_uid=instance.series_uid, sop_instance_uid=instance.sop_instance_uid
        )

    async def _announce(self, total: int) -> None:
        if total > MAX_ANNOUNCED:
            raise ArchiveFailed("more instances than one transfer can bring")
        if total != self._announced:
            self._announced = total
            await self._send(FetchStart(total=total))

    async def _pass_on(self, event: Instance | InstanceFailed) -> None:
        if isinstance(event, InstanceFailed):
            await self._lose(event.sop_instance_uid, event.reason.code)
        elif not _is_sendable(event):
            await self._lose(event.sop_instance_uid, MalformedInstance.code)
        else:
            try:
                await self._send_instance(event)
            except OSError as error:
                log_failure("instance_not_readable", error)
                await self._lose(event.sop_instance_uid, ArchiveFailed.code)

    async def _send_instance(self, instance: Instance) -> None:
        head = InstanceHead(
            series_uid=instance.series_uid,
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            transfer_syntax_uid=instance.transfer_syntax_uid,
            size=instance.data.size,
            digest=await _digest(instance),
        )
        layout, packed = self._layout_of(instance)
        await self._send(head)
        as_is = packed or _is_near(self._channel)
        for chunk in self._encoder.chunks(instance.series_uid, instance.data, layout, packed=as_is):
            await self._send(chunk)

    async def _lose(self, sop_instance_uid: str, code: str) -> None:
        await self._send(InstanceLost(sop_instance_uid=sop_instance_uid, code=code))

    async def _send(self, message: Any) -> None:
        if not self._still_allowed():
            raise AccessDenied
        try:
            async with asyncio.timeout(self._patience):
                await self._channel.send(encode_message(message))
        except TimeoutError:
            await self._channel.close()
            raise ChannelClosed("the requester takes nothing") from None


def _is_near(channel: Channel) -> bool:
    """Whether the link is so fast that coding pixels would only slow it; a queue on it shows in the round trip."""
    return channel.round_trip is not None and channel.round_trip < NEAR_ROUND_TRIP


async def _digest(instance: Instance) -> bytes:
    digest = hashlib.blake2b(digest_size=32)
    for piece in pieces(instance.data, CHUNK_SIZE):
        digest.update(piece)
        await asyncio.sleep(0)  # a large instance must not stop the node
    return digest.digest()


def _is_uid(text: str) -> bool:
    return 0 < len(text) <= MAX_UID_SIZE


def _is_sendable(instance: Instance) -> bool:
    uids = (instance.series_uid, instance.sop_class_uid, instance.transfer_syntax_uid)
    return all(map(_is_uid, uids)) and instance.data.size <= MAX_INSTANCE_SIZE
