"""Our own record in the directory: who we are and where we can be dialled, kept there and kept true.

Belongs here: when it is due and what it says. Not here: which addresses (addresses.py), reading others' (links.py).
Source: docs/spec/directory.md section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.records import sign_record
from idas_p2p.directory.service import Directory
from idas_p2p.wire.address import Address
from idas_p2p.wire.records import NodeInfo
from idas_p2p.wire.schema import encode

INTERVAL: Final = 300.0  # seconds between publications of an unchanged record; ours
LOOK_INTERVAL: Final = 5.0  # seconds between looks at our addresses, and until the next try; ours


class NodeRecord:
    """Publishes the record.

    Args:
        identity: ours.
        institution: as it shows itself.
        aet: our AE title.
        directory: keeps the record.
        own_addresses: where we can be dialled, best first.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        institution: str,
        aet: str,
        directory: Directory,
        *,
        own_addresses: Callable[[], tuple[Address, ...]],
        clock: Clock,
    ) -> None:
        self._identity, self._institution, self._aet, self._directory = identity, institution, aet, directory
        self._own_addresses, self._clock = own_addresses, clock
        self._published: tuple[Address, ...] = ()
        self._published_at = 0.0  # monotonic seconds

    async def turn(self) -> float:
        """Publish when it is due; return seconds until the next turn."""
        addresses, now = self._own_addresses(), self._clock.monotonic()
        if addresses != self._published or now - self._published_at >= INTERVAL:
            info = NodeInfo(
                version=1,
                institution=self._institution,
                aet=self._aet,
                addresses=addresses,
                is_server=self._directory.status().is_server,
            )
            record = sign_record(self._identity, self._identity, encode(info), now=self._clock.now())
            (replicas,) = await self._directory.put([record])
            if replicas:
                self._published, self._published_at = addresses, now
        return LOOK_INTERVAL
