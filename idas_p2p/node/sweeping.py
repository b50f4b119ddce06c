"""Old transfers are let go: what waits in the spool for a repetition, and the list of what was done.

Belongs here: how old. Not here: the spool and the list (store/).
"""

from __future__ import annotations

from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.store.spool import Spool
from idas_p2p.store.transfers import TransferLog

SWEEP_INTERVAL: Final = 300.0  # seconds; ours
LOG_AGE: Final = 90 * 86_400.0  # seconds finished transfers stay in the list; ours


class Sweeper:
    """Sweeps one node.

    Args:
        spool: images in transit.
        log: finished transfers.
        bridge: threads for both.
        keep: seconds that images of an ended transfer stay.
        clock: the time.
    """

    def __init__(self, spool: Spool, log: TransferLog, bridge: Bridge, *, keep: float, clock: Clock) -> None:
        self._spool, self._log, self._bridge, self._keep, self._clock = spool, log, bridge, keep, clock

    async def turn(self) -> float:
        """Let go of what is too old; return seconds until the next turn."""
        now = self._clock.now()
        await self._bridge.run(self._spool.expire, now - self._keep)
        await self._bridge.run(self._log.forget, now - LOG_AGE)
        return SWEEP_INTERVAL
