"""Looking for a better path while a channel takes one that others are preferred to, and moving it there.

Law: the channel goes on as it is until a better one stands; what is tried costs it nothing. Belongs here: when to look
again. Not here: which paths there are (links.py), the move itself (transport/moving.py).
Source: docs/spec/transport.md section 11; docs/decisions/moving.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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
        dial: opens a connection to a channel's node by a kind of path that is preferred to its present one; is told of
            kinds that are not.
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

    def watch(self, channel: MovingChannel) -> None:
        """Look for a better path, if there can be one, until the channel is over."""
        if channel.path not in BEST:
            with suppress(Busy):  # then it stays where it is
                channel.on_over.append(self._tasks.start("mover", self._look(channel)).cancel)

    async def _look(self, channel: MovingChannel) -> None:
        pause = FIRST_LOOK[channel.purpose]
        while channel.path not in BEST:
            before = channel.bytes_received
            await asyncio.sleep(pause)
            is_fast = channel.bytes_received - before > WEBRTC_RATE * pause
            try:
                await channel.move_to(await self._dial(channel, frozenset({WEBRTC_PATH} if is_fast else ())))
            except IdasError:
                pause = min(2 * pause, LAST_LOOK[channel.purpose])
            else:
                log_event("link_moved", peer=channel.peer.short, path=channel.path, task=str(channel.purpose))
                self._on_moved(channel)
