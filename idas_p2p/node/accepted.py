"""The channels other nodes opened to us, so that those of a member that was removed can be ended at once.

Belongs here: which are open. Not here: what happens on them (serve.py), who may open one (membership.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from idas_p2p.events import log_event
from idas_p2p.transport.channel import Channel
from idas_p2p.wire.handshake import Purpose

Serve = Callable[[Channel], Awaitable[None]]


class Accepted:
    """Open channels that others dialled.

    Args:
        serve: serves one until it ends.
        belongs: whether a channel's peer is a member still, of the federation whose key it proved.
    """

    def __init__(self, serve: Serve, *, belongs: Callable[[Channel], bool]) -> None:
        self._serve, self._belongs = serve, belongs
        self._open: set[Channel] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, channel: Channel) -> None:
        """Serve a channel until it ends."""
        self._open.add(channel)
        try:
            await self._serve(channel)
        finally:
            self._open.discard(channel)

    async def close_of_strangers(self) -> None:
        """End every channel whose peer is no member any more; a joining node is not one yet."""
        for channel in list(self._open):
            if channel.purpose is not Purpose.JOIN and not self._belongs(channel):
                log_event("channel_of_former_member_closed", peer=channel.peer.short, task=str(channel.purpose))
                await channel.close()
