"""Whether further connections go beside the one of an image channel: on a far path, where a new connection is slow.

Law: whoever cuts braided channels again and again gets single connections for a while, so that a network which allows
few connections costs no more than two cuts. Belongs here: whether, how many, where to. Not here: opening them
(transport/strands.py). Source: docs/spec/transport.md section 13; figures: docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from idas_p2p.access.federation import psk_id
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.noise import Psk
from idas_p2p.node.peer import Peer
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.braid import FAR
from idas_p2p.transport.dialer import DIRECT_PATH
from idas_p2p.transport.moving import MovingChannel
from idas_p2p.transport.secure import SecureChannel
from idas_p2p.transport.strands import Strands
from idas_p2p.transport.way import Way
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

FURTHER: Final = 3  # connections beside the first; ours: more bring little, docs/performance.md
CUTS_IN_A_ROW: Final = 2  # of braided channels after which a node gets single connections; ours
NEAR_TOGETHER: Final = 60.0  # seconds between two cuts in a row; ours
SINGLE: Final = 600.0  # seconds of single connections; ours


class Widener:
    """Decides for one node's image channels.

    Args:
        identity: ours.
        way: how connections leave this machine.
        clock: the time.
        tasks: owns the opening.
    """

    def __init__(self, identity: SigningKey, *, way: Way, clock: Clock, tasks: TaskOwner) -> None:
        self._identity, self._way, self._clock, self._tasks = identity, way, clock, tasks

    async def open(
        self, dialling: Awaitable[SecureChannel], peer: Peer, node_id: NodeId, purpose: Purpose, psk: bytes
    ) -> MovingChannel:
        """The channel that a dial brings, with further connections coming where they pay; what the dial raised."""
        strands = self._begin(peer, node_id, psk) if purpose is Purpose.IMAGE else None
        channel: MovingChannel | None = None
        try:
            channel = opened = MovingChannel(await dialling, is_ours=True)
        finally:
            if strands is not None:
                strands.join(channel)
        opened.on_over.append(lambda: self._over(opened, peer))
        return opened

    def _begin(self, peer: Peer, node_id: NodeId, psk: bytes) -> Strands | None:
        link = peer.open_link
        if link is None or link.channel.path != DIRECT_PATH or not self._way.is_direct:
            return None
        is_far = (peer.round_trip or link.channel.round_trip or 0.0) >= FAR
        if not is_far or self._clock.monotonic() < peer.single_until:
            return None
        named = Psk(psk_id=psk_id(psk), key=psk)
        strands = Strands(self._identity, node_id, link.channel.remote, named, way=self._way)
        strands.begin(FURTHER, tasks=self._tasks)
        return strands

    def _over(self, channel: MovingChannel, peer: Peer) -> None:
        if not channel.was_cut or channel.braid is None or not channel.braid.is_braided:
            return
        now = self._clock.monotonic()
        peer.braids_cut = peer.braids_cut + 1 if now - peer.braid_cut_at < NEAR_TOGETHER else 1
        peer.braid_cut_at = now
        if peer.braids_cut >= CUTS_IN_A_ROW:
            peer.single_until = now + SINGLE
