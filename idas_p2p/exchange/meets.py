"""Connections that two nodes agree on beforehand: what a node is asked to begin, and one that begins none.

Belongs here: the interface. Not here: questions and answers (answer.py), connecting (node/meetings.py).
Source: docs/spec/transport.md sections 10 and 12.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from idas_p2p.errors import Busy
from idas_p2p.wire.address import Address
from idas_p2p.wire.ice import IceTerms
from idas_p2p.wire.ids import NodeId

MeetByTcp = Callable[[NodeId, tuple[Address, ...], float], tuple[Address, ...]]
"""Begins to connect to a peer at places, half a round trip (seconds) from now; returns from where. Busy: not now."""
MeetByUdp = Callable[[NodeId, IceTerms], Awaitable[IceTerms]]
"""Begins to seek a way to a peer by UDP on its terms; returns ours. Busy: not now. PeerUnreachable: no UDP here."""


def meet_nobody(peer: NodeId, places: tuple[Address, ...], round_trip: float) -> tuple[Address, ...]:
    """What a node does that opens no connections of this kind."""
    raise Busy("this node does not open connections from both sides")


async def meet_nobody_by_udp(peer: NodeId, terms: IceTerms) -> IceTerms:
    """The same for UDP."""
    raise Busy("this node does not connect by UDP")


@dataclass(frozen=True, slots=True)
class Meets:
    """How a node opens connections of which both sides are told beforehand."""

    tcp: MeetByTcp = meet_nobody
    udp: MeetByUdp = meet_nobody_by_udp


NO_MEETS: Final = Meets()
