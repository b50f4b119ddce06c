"""Image channels opened before they are asked for: whoever found a study at a far node is likely to fetch it soon.

Law: a channel is handed out once, and only while it is heard of; one that nobody takes is closed before the other side
would. Belongs here: that, and how many there may be. Not here: dialling (links.py), what is said on them.
Figures: docs/performance.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from idas_p2p.access.federation import psk_id
from idas_p2p.access.federations import Belonging
from idas_p2p.clock import Clock
from idas_p2p.errors import Busy
from idas_p2p.node.links import Links
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.braid import FAR
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.moving import MovingChannel
from idas_p2p.wire.ids import NodeId

MAX_WARM: Final = 4  # at once; ours: as many holders as one study is fetched from
LIFETIME: Final = 20.0  # seconds; ours: nodes close an image link without a request after 30
LOOK: Final = 0.5  # seconds between two looks; each side says so often that it is there
FRESH: Final = 2.0  # seconds since something was heard: an older one may lead nowhere; ours


@dataclass(eq=False, slots=True)
class _Warm:
    """One channel, or the dial that may bring it."""

    channel: MovingChannel | None = None
    is_dialled: asyncio.Event = field(default_factory=asyncio.Event)
    is_taken: bool = False
    heard: tuple[int, float] = (-1, 0.0)  # bytes received, and when there were fewer; monotonic seconds

    def listen(self, channel: MovingChannel, now: float) -> None:
        """Note whether something was heard since the last time."""
        if channel.bytes_received != self.heard[0]:
            self.heard = channel.bytes_received, now


class Warming:
    """The image channels of one node.

    Args:
        links: dial them.
        federation: gives the keys in force.
        clock: the time.
        tasks: owns channels until they are taken.
    """

    def __init__(self, links: Links, federation: Belonging, *, clock: Clock, tasks: TaskOwner) -> None:
        self._links, self._federation, self._clock, self._tasks = links, federation, clock, tasks
        self._warm = dict[NodeId, _Warm]()

    def __len__(self) -> int:
        return len(self._warm)

    def expect(self, node_id: NodeId) -> None:
        """A study was found there: open a channel, where that takes long and there is none, nor too many."""
        link = self._links.peers[node_id].open_link if node_id in self._links.peers else None
        if link is None or (link.channel.round_trip or 0.0) < FAR or node_id in self._warm or len(self) >= MAX_WARM:
            return
        self._warm[node_id] = one = _Warm()
        try:
            self._tasks.start("warm", self._hold(node_id, one))
        except Busy:
            del self._warm[node_id]

    async def image(self, node_id: NodeId) -> Channel:
        """An image channel that nobody uses: one that was opened before, else a fresh one; errors as for Links."""
        if (one := self._warm.pop(node_id, None)) is not None:
            await one.is_dialled.wait()
            if (channel := one.channel) is not None and self._is_good(one, channel):
                one.is_taken = True
                return channel
        return await self._links.image(node_id)

    def _is_good(self, one: _Warm, channel: MovingChannel) -> bool:
        now = self._clock.monotonic()
        one.listen(channel, now)
        is_in_force = channel.psk_id == psk_id(self._federation.secrets_for(channel.peer).psk)
        return channel.is_open and is_in_force and now - one.heard[1] <= FRESH

    async def _hold(self, node_id: NodeId, one: _Warm) -> None:
        """Dial, and close what nobody takes in time."""
        try:
            try:
                one.channel = channel = await self._links.image(node_id)
            finally:
                one.is_dialled.set()
            until = self._clock.monotonic() + LIFETIME
            while not one.is_taken and channel.is_open and (now := self._clock.monotonic()) < until:
                one.listen(channel, now)
                await asyncio.sleep(LOOK)
        finally:
            if self._warm.get(node_id) is one:
                del self._warm[node_id]
            if one.channel is not None and not one.is_taken:
                await one.channel.close()
