"""The holder's end of an image link: messages one after another, each allowed, each in the signed manifest.

Law: whether the requester may have it is asked before each message; what is sent is what was digested and signed.
Belongs here: sending a message, an instance, the end. Not here: which instances and when (send.py, listing.py).
Source: docs/spec/exchange.md sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final

from idas_p2p.blob import BlobChanged, MemoryBlob
from idas_p2p.clock import Clock, SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import AccessDenied, ArchiveFailed, ChannelClosed, InstanceChanged, MalformedInstance
from idas_p2p.events import log_failure
from idas_p2p.exchange.codec.choice import is_near
from idas_p2p.exchange.codec.coders import Coders, InPlace
from idas_p2p.exchange.coding import cuts
from idas_p2p.exchange.deadline import Deadline
from idas_p2p.exchange.digests import Digests, digests_of
from idas_p2p.exchange.interfaces import Channel, PixelLayout
from idas_p2p.exchange.outbox import Outbox
from idas_p2p.exchange.signed_manifest import TransferManifest
from idas_p2p.limits import CHUNK_SIZE, MAX_INSTANCE_SIZE
from idas_p2p.wire.fetching import FetchEnd, InstanceHead, InstanceListed, InstanceLost
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.messages import encode_message

SEND_PATIENCE: Final = 600.0  # seconds for one message; ours: a requester whose workstation waits keeps its place
MAX_UID_SIZE: Final = 64  # characters; PS3.5 section 9.1

LayoutReader = Callable[[Instance], tuple[PixelLayout | None, bool]]
"""Where an instance's native pixels lie, and whether it is compressed already."""

TakesTurn = Callable[[int], AbstractAsyncContextManager[None]]
"""Waits for the turn of a message of so many bytes."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is said of a data set before it is sent, and how it is cut."""

    digests: Digests
    layout: PixelLayout | None
    packed: bool


class Outgoing:
    """Sends to one requester.

    Args:
        channel: the image link.
        identity: ours; signs what was said.
        study_uid: what is sent.
        still_allowed: asked before each message; False ends the transfer at once.
        layout_of: how to cut each instance.
        patience: seconds that the requester may take nothing.
        coders: code the chunks; in place when there are none.
        clock: the time; the machine's own when there is none.
        turn: entered around each message with its size, see turns.py; at once when there is none.
    """

    def __init__(
        self,
        channel: Channel,
        identity: SigningKey,
        *,
        study_uid: str,
        still_allowed: Callable[[], bool],
        layout_of: LayoutReader,
        patience: float = SEND_PATIENCE,
        coders: Coders | None = None,
        clock: Clock | None = None,
        turn: TakesTurn | None = None,
    ) -> None:
        self._channel, self._identity, self._turn = channel, identity, turn or _at_once
        self._still_allowed, self._layout_of, self.patience = still_allowed, layout_of, patience
        self._deadline = Deadline(patience)
        self.outbox = Outbox(
            self._send_allowed,
            coders or InPlace(),
            clock=clock or SystemClock(),
            line=channel.line,
            is_near=lambda: is_near(channel.round_trip),
        )
        self._manifest = TransferManifest(holder=identity.node_id, requester=channel.peer, study_uid=study_uid)

    @property
    def peer(self) -> str:
        """The requester, as logs name it."""
        return self._channel.peer.short

    async def send(self, message: Any) -> None:
        """Send a message after those before it; waits while the requester is slow.

        Raises:
            AccessDenied: the requester may no longer have it.
            ChannelClosed: it went away, or takes nothing.
        """
        await self.outbox.put(message)

    async def end(self, code: str) -> None:
        """Send the last message; errors as for `send`."""
        signature = b"" if code and self._manifest.is_empty else self._identity.sign(self._manifest.signed_bytes())
        await self._send(encode_message(FetchEnd(code=code, signature=signature)))

    async def lose(self, sop_instance_uid: str, code: str) -> None:
        """Say that an instance cannot be sent; errors as for `send`."""
        await self.send(InstanceLost(sop_instance_uid=sop_instance_uid, code=code))

    async def measure(self, instance: Instance) -> Measured | None:
        """Read a data set and digest it; None, and the requester is told, when no message can carry it.

        Raises:
            AccessDenied, ChannelClosed: as for `send`.
        """
        if not _is_sendable(instance):
            await self.lose(instance.sop_instance_uid, MalformedInstance.code)
            return None
        try:
            instance = _at_hand(instance)
            layout, packed = self._layout_of(instance)
            digests = await digests_of(instance.data, cuts(instance.data.size, layout))
        except OSError as error:
            await self._lose_unreadable(instance, error)
            return None
        return Measured(digests, layout, packed)

    async def send_whole(self, instance: Instance) -> None:
        """Measure an instance and send it, or say that it is lost; errors as for `send`."""
        try:
            instance = _at_hand(instance)
        except OSError as error:
            await self._lose_unreadable(instance, error)
            return
        if (measured := await self.measure(instance)) is not None:
            await self.send_instance(instance, measured)

    async def list_instance(self, instance: Instance, measured: Measured) -> None:
        """Say that an instance can be had; errors as for `send`."""
        await self.send(InstanceListed(**_names(instance), size=instance.data.size, digest=measured.digests.whole))

    async def send_instance(self, instance: Instance, measured: Measured, *, start: int = 0) -> None:
        """Send an instance from its byte `start` on, or say that it is lost; errors as for `send`."""
        try:
            await self._send_instance(instance, measured, start)
        except OSError as error:
            await self._lose_unreadable(instance, error)

    async def _lose_unreadable(self, instance: Instance, error: OSError) -> None:
        is_changed = isinstance(error, BlobChanged)
        if not is_changed:
            log_failure("instance_not_readable", error)
        await self.lose(instance.sop_instance_uid, InstanceChanged.code if is_changed else ArchiveFailed.code)

    async def _send_instance(self, instance: Instance, measured: Measured, start: int) -> None:
        instance = _at_hand(instance)
        size, digests = instance.data.size, measured.digests
        await self.send(InstanceHead(**_names(instance), size=size, digest=digests.whole, start=start))
        await self.outbox.put_data(
            instance.series_uid,
            instance.data,
            measured.layout,
            packed=measured.packed,
            prefixes=digests.prefixes,
            start=start,
        )

    async def _send_allowed(self, message: Any) -> None:
        if not self._still_allowed():
            raise AccessDenied
        data = encode_message(message)
        self._manifest.take(message, data)
        await self._send(data)

    async def _send(self, data: bytes) -> None:
        try:
            async with self._deadline, self._turn(len(data)):
                await self._channel.send(data)
        except TimeoutError:
            await self._channel.close()
            raise ChannelClosed("the requester takes nothing") from None


def _at_hand(instance: Instance) -> Instance:
    """The same with its bytes in memory when they are few: opening a file for each chunk costs more than they do.

    Raises:
        OSError: it cannot be read, or has become shorter.
    """
    data = instance.data
    if isinstance(data, MemoryBlob) or data.size > CHUNK_SIZE:
        return instance
    held = MemoryBlob(data.read())
    if held.size != data.size:
        raise OSError("a data set ended early")
    return replace(instance, data=held)


def _at_once(_size: int) -> AbstractAsyncContextManager[None]:
    return nullcontext()


def _names(instance: Instance) -> dict[str, Any]:
    return {
        "series_uid": instance.series_uid,
        "sop_class_uid": instance.sop_class_uid,
        "sop_instance_uid": instance.sop_instance_uid,
        "transfer_syntax_uid": instance.transfer_syntax_uid,
    }


def is_uid(text: str) -> bool:
    """Whether a message can name this."""
    return 0 < len(text) <= MAX_UID_SIZE


def _is_sendable(instance: Instance) -> bool:
    uids = (instance.series_uid, instance.sop_class_uid, instance.transfer_syntax_uid)
    return all(map(is_uid, uids)) and instance.data.size <= MAX_INSTANCE_SIZE
