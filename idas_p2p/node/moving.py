"""Looking for a better path while a channel takes one that others are preferred to, and moving it there.

Law: the channel goes on as it is until another stands; what is tried costs it nothing. A relay that stops is left at
once, an address that is gone is not waited for. Belongs here: the channels we dialled, when to look again. Not here:
which paths there are (links.py), the move itself (transport/moving.py).
Source: docs/spec/transport.md section 11; docs/decisions/moving.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Final

from idas_p2p.errors import Busy, IdasError
from idas_p2p.events import log_event
from idas_p2p.node.meetings import PATH as MEETING_PATH
from idas_p2p.node.webrtc import PATH as WEBRTC_PATH
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.dialer import DIRECT_PATH
from idas_p2p.transport.moving import MovingChannel
from idas_p2p.transport.secure import SecureChannel
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose

BEST: Final = frozenset({DIRECT_PATH, MEETING_PATH})
"""Paths on which the kernel carries bytes between the two nodes themselves: nothing better is looked for."""
FIRST_LOOK: Final = {Purpose.IMAGE: 1.0, Purpose.CONTROL: 10.0}  # seconds; doubled each time it brought nothing; ours
WEBRTC_RATE: Final = (
    5e6  # bytes a second; measured, docs/decisions/webrtc.md: a channel that is faster stays on its relay
)
LAST_LOOK: Final = {Purpose.IMAGE: 15.0, Purpose.CONTROL: 300.0}  # seconds; the most between two looks; ours


class Mover:
    """Keeps looking.

    Args:
        dial: opens a connection to a channel's node by a kind of path that is preferred to its present one, or by
            another relay where the present one stops; is told of kinds that are not.
        on_moved: told of a channel that has moved.
        tasks: owns the looking.
    """

    def __init__(
        self,
        dial: Callable[[MovingChannel, frozenset[str]], Awaitable[SecureChannel]],
        *,
        on_moved: Callable[[MovingChannel], None],
        tasks: TaskOwner,
    ) -> None:
        self._dial, self._on_moved, self._tasks = dial, on_moved, tasks
        self._channels = set[MovingChannel]()

    def watch(self, channel: MovingChannel) -> None:
        """Look for a better path, if there can be one, until the channel is over."""
        self._channels.add(channel)
        channel.on_over.append(lambda: self._channels.discard(channel))
        if channel.path not in BEST:
            with suppress(Busy):  # then it stays where it is
                channel.on_over.append(self._tasks.start("mover", self._look(channel)).cancel)

    def check(self, hosts: Collection[str]) -> None:
        """Give up channels that use an address this machine no longer has, these being all it has."""
        for channel in list(self._channels):
            channel.check(hosts)

    def leave(self, relays: Collection[Address]) -> None:
        """Have channels through these relays go on elsewhere."""
        for channel in list(self._channels):
            channel.leave(relays)

    async def _look(self, channel: MovingChannel) -> None:
        pause = FIRST_LOOK[channel.purpose]
        while channel.path not in BEST and channel.may_move:
            before, is_late = channel.bytes_received, channel.must_leave.is_set()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await (asyncio.sleep(pause) if is_late else channel.must_leave.wait())
            is_fast = channel.bytes_received - before > WEBRTC_RATE * pause
            try:
                await channel.move_to(await self._dial(channel, frozenset({WEBRTC_PATH} if is_fast else ())))
            except IdasError:
                pause = min(2 * pause, LAST_LOOK[channel.purpose])
            else:
                log_event("link_moved", peer=channel.peer.short, path=channel.path, task=str(channel.purpose))
                self._on_moved(channel)
