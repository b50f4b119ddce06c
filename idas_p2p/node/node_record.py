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
from idas_p2p.limits import MAX_RECORD_SIZE
from idas_p2p.wire.address import Address
from idas_p2p.wire.records import NodeInfo
from idas_p2p.wire.relay import RelayOffer
from idas_p2p.wire.schema import encode

INTERVAL: Final = 300.0  # seconds between publications of an unchanged record; ours
PAUSE: Final = 1.0  # seconds between two publications, and until the next try; ours
MAX_PAYLOAD: Final = MAX_RECORD_SIZE - 232  # bytes; what two keys, two signatures and two times leave of a record
LOOK_INTERVAL: Final = 0.25  # seconds between looks at our addresses; ours: a look costs a tenth of a millisecond


class NodeRecord:
    """Publishes the record.

    Args:
        identity: ours.
        institution: as it shows itself.
        aet: our AE title.
        directory: keeps the record.
        own_addresses: where we can be dialled, best first.
        own_relays: where we can be reached through others, best first.
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
        own_relays: Callable[[], tuple[RelayOffer, ...]] = tuple,
        clock: Clock,
    ) -> None:
        self._identity, self._institution, self._aet, self._directory = identity, institution, aet, directory
        self._own_addresses, self._own_relays, self._clock = own_addresses, own_relays, clock
        self._published: tuple[object, ...] = ()
        self._published_at = 0.0  # monotonic seconds

    async def turn(self) -> float:
        """Publish when it is due; return seconds until the next turn."""
        addresses, relays, now = self._own_addresses(), self._own_relays(), self._clock.monotonic()
        if (addresses, relays) != self._published or now - self._published_at >= INTERVAL:
            payload = self._payload(addresses, relays)
            record = sign_record(self._identity, self._identity, payload, now=self._clock.now())
            (replicas,) = await self._directory.put([record])
            if replicas:
                self._published, self._published_at = (addresses, relays), now
            return PAUSE
        return LOOK_INTERVAL

    def _payload(self, addresses: tuple[Address, ...], relays: tuple[RelayOffer, ...]) -> bytes:
        """What the record says, without the last addresses where it would be too large for all."""
        while True:
            info = NodeInfo(
                version=1,
                institution=self._institution,
                aet=self._aet,
                addresses=addresses,
                is_server=self._directory.status().is_server,
                relays=relays,
            )
            payload = encode(info)
            if len(payload) <= MAX_PAYLOAD or not addresses:
                return payload
            addresses = addresses[:-1]
