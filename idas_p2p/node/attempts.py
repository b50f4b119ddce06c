"""A kind of path that two nodes agree on over a link through a relay, and leave alone for a while where it failed.

Belongs here: when it is tried. Not here: how it comes about (meetings.py, webrtc.py), which kinds there are (links.py).
Source: docs/spec/transport.md sections 10 and 12.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.errors import PeerUnreachable
from idas_p2p.exchange.control import ControlLink
from idas_p2p.transport.dialer import DIRECT_PATH
from idas_p2p.transport.rungs import Prove, Reached, Rung
from idas_p2p.wire.ids import NodeId

AFTER_FAILURE: Final = 120.0  # seconds a pair for which it failed is left alone: routers do not change often; ours

Control = Callable[[NodeId], Awaitable[ControlLink]]


@dataclass(frozen=True, slots=True)
class Attempts:
    """Tries of one kind of path.

    Args:
        path: its name.
        head_start: seconds until the next kind of path is tried beside it.
        timeout: seconds for one.
        clock: the time.
    """

    path: str
    head_start: float
    timeout: float
    clock: Clock
    _failed_at: dict[NodeId, float] = field(default_factory=dict)  # monotonic seconds

    def rung(
        self,
        peer: NodeId,
        control: Control,
        agree: Callable[[ControlLink, Prove], Awaitable[Reached]],
        *,
        again: bool = False,
    ) -> Rung | None:
        """This kind of path to a node; None where it failed a short while ago.

        Args:
            peer: the node to reach.
            control: gives an open control link to it.
            agree: reaches it once there is such a link.
            again: even where it failed, for nobody waits for it.
        """
        if not again and self.clock.monotonic() - self._failed_at.get(peer, -AFTER_FAILURE) < AFTER_FAILURE:
            return None

        async def reach(prove: Prove) -> Reached:
            link = await control(peer)
            if link.path == DIRECT_PATH:
                raise PeerUnreachable("dialled directly before: no router is in the way")
            self._failed_at[peer] = self.clock.monotonic()  # unless it is reached before anything ends this
            reached = await agree(link, prove)
            self._failed_at.pop(peer, None)
            return reached

        return Rung(path=self.path, reach=reach, head_start=self.head_start, timeout=self.timeout)
