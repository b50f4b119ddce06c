"""Codes in the directory: where the node that made one says how it is reached, for whoever holds the code.

Belongs here: leaving the record and finding it. Not here: the code (access/invitation.py), joining (joining.py).
Source: docs/spec/federation.md section 3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from idas_p2p.access.invitation import Invitation
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.records import sign_record
from idas_p2p.directory.service import Directory
from idas_p2p.errors import BadCode, DirectoryUnreachable
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.federation import InviteRecord
from idas_p2p.wire.ids import NodeId

LOOKS: Final = 4  # for an invitation, by a node that knows others than the code's contact; ours
LOOK_PAUSE: Final = 1.0  # seconds between two of them, in which the contact is called; ours
JOIN_DIRECTORY_TIMEOUT: Final = 20.0  # seconds for a machine that knows nobody to reach the code's contact; ours


class Invitations:
    """This node's invitations as others find them, and others' as this node finds them.

    Args:
        node_id: ours.
        directory: carries the records.
        contact: whom a machine that knows nobody should call first.
        own_addresses: where we can be dialled.
        clock: the time.
        kind: what they are: invitations, or passes.
    """

    def __init__(
        self,
        node_id: NodeId,
        directory: Directory,
        *,
        contact: Callable[[], Contact],
        own_addresses: Callable[[], tuple[Address, ...]],
        clock: Clock,
        kind: type[Invitation] = Invitation,
    ) -> None:
        self._kind = kind
        self._node_id, self._directory, self._clock = node_id, directory, clock
        self._contact, self._own_addresses = contact, own_addresses

    def make(self, secret: bytes) -> Invitation:
        """The invitation with this secret (16 bytes), as the node can be found now."""
        return self._kind.of(self._node_id, secret, self._contact())

    async def publish(self, secret: bytes, *, federation_name: str, expires: int) -> int:
        """Leave the record of an invitation in the directory; how many other nodes keep it.

        Args:
            secret: of its code.
            federation_name: shown to who joins.
            expires: Unix seconds.

        Raises:
            DirectoryUnreachable: nobody stored it.
        """
        invitation = self.make(secret)
        record = InviteRecord(
            inviter=self._node_id, federation_name=federation_name, addresses=self._own_addresses(), expires=expires
        )
        place: SigningKey = invitation.location
        sealed = invitation.seal_record(record)
        (replicas,) = await self._directory.put([sign_record(place, place, sealed, now=self._clock.now())])
        if not replicas:
            raise DirectoryUnreachable("the invitation could not be left in the directory")
        return replicas - self._directory.holds(place.node_id.kademlia_id)

    async def find(self, invitation: Invitation) -> InviteRecord:
        """Look up who invites.

        Raises:
            DirectoryUnreachable: the contact in the code does not answer, nor does anybody else.
            BadCode: no open invitation belongs to the code.
        """
        looks = LOOKS if self._directory.contacts() else 1  # the contact may lead into another part of the directory
        self._directory.add_contact(invitation.contact)
        if not await self._directory.wait_joined(JOIN_DIRECTORY_TIMEOUT):
            raise DirectoryUnreachable(f"{invitation.contact.address}, named in the code, does not answer")
        for look in range(looks):
            if (found := await self._look(invitation)) is not None:
                return found
            if look + 1 < looks:
                await asyncio.sleep(LOOK_PAUSE)
        raise BadCode("nothing open belongs to it; it may have expired, or its node is away")

    async def _look(self, invitation: Invitation) -> InviteRecord | None:
        for record in await self._directory.get(invitation.location.node_id.kademlia_id):
            try:
                found = invitation.open_record(record)
            except BadCode:
                continue
            if self._clock.now() < found.expires:
                return found
        return None
