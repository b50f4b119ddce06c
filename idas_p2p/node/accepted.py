"""The channels other nodes opened to us, so that those of a member that was removed can be ended at once.

Belongs here: which are open. Not here: what happens on them (serve.py), who may open one (membership.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from idas_p2p.events import log_event
from idas_p2p.transport.channel import Channel
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

Serve = Callable[[Channel], Awaitable[None]]


class Accepted:
    """Open channels that others dialled.

    Args:
        serve: serves one until it ends.
        is_on_roster: whether a node is a member by the manifest in force.
    """

    def __init__(self, serve: Serve, *, is_on_roster: Callable[[NodeId], bool]) -> None:
        self._serve, self._is_on_roster = serve, is_on_roster
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
            if channel.purpose is not Purpose.JOIN and not self._is_on_roster(channel.peer):
                log_event("channel_of_former_member_closed", peer=channel.peer.short, task=str(channel.purpose))
                await channel.close()
