"""Where another node says it is: its record in the directory, else the last one that was seen.

Belongs here: reading and remembering records. Not here: dialling (links.py), our own record (node_record.py).
Source: docs/spec/directory.md section 4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from idas_p2p.directory.service import Directory
from idas_p2p.errors import IdasError, WireError
from idas_p2p.store.settings import Settings
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.records import NodeInfo
from idas_p2p.wire.relay import RelayOffer
from idas_p2p.wire.schema import decode, encode

RESOLVE_TIMEOUT: Final = 2.0  # seconds for a node record from the directory; ours


class Locator:
    """Finds node records.

    Args:
        directory: has them.
        settings: keeps the last ones, for when the directory cannot be reached.
    """

    def __init__(self, directory: Directory, settings: Settings) -> None:
        self._directory, self._settings = directory, settings

    async def resolve(self, node_id: NodeId) -> NodeInfo | None:
        """The record a node has in the directory now; None when that cannot be had."""
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                records = await self._directory.get(node_id.kademlia_id)
        except (TimeoutError, IdasError):
            return None
        own = [record for record in records if record.location == record.writer == node_id.raw]
        try:
            info = decode(NodeInfo, own[0].payload, max_size=1_000) if own else None
        except WireError:
            return None
        if info is not None and info != self.remembered(node_id):
            self._settings.set_value(f"peer.{node_id}", encode(info))
        return info

    def remembered(self, node_id: NodeId) -> NodeInfo | None:
        """The last record that was seen."""
        stored = self._settings.value(f"peer.{node_id}")
        try:
            return decode(NodeInfo, stored, max_size=1_000) if stored else None
        except WireError:  # written by another version
            return None


def in_order(offers: Iterable[RelayOffer], *, known: Iterable[Contact], lost: Address | None) -> tuple[RelayOffer, ...]:
    """The relays at which a node waits, as they are to be tried.

    Args:
        offers: of its record, best first.
        known: bootstrap nodes at all addresses we know: the record may name one of the other IP family.
        lost: where a channel to the node was cut last; tried after the others.
    """
    told, contacts = tuple(offers), tuple(known)
    ours = [replace(one, address=other.address) for one in told for other in contacts if other.node_id == one.relay]
    every = tuple(dict.fromkeys((*told, *ours)))
    gone = {offer.relay for offer in every if offer.address == lost}
    return tuple(sorted(every, key=lambda offer: offer.relay in gone))
