"""Whom to call first: the bootstrap nodes of the configuration, and the contact that came with an invitation.

Belongs here: which they are. Not here: calling them (directory/joining.py), waiting at them (relays.py).
"""

from __future__ import annotations

from typing import Final

from idas_p2p.store.settings import Settings
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.ids import NodeId

_JOIN_CONTACT: Final = "join.contact"


class Contacts:
    """First contacts of a node.

    Args:
        configured: by the operator.
        settings: keep what came with an invitation.
    """

    def __init__(self, configured: tuple[Contact, ...], settings: Settings) -> None:
        self._configured, self._settings = configured, settings

    def known(self) -> tuple[Contact, ...]:
        """All of them, each node once."""
        stored = self._settings.value(_JOIN_CONTACT)
        joined = (Contact.parse(stored.decode()),) if stored else ()
        return tuple(dict.fromkeys((*self._configured, *joined)))

    def remember(self, contact: Contact) -> None:
        """Call this node of the directory at every start from now on."""
        self._settings.set_value(_JOIN_CONTACT, str(contact).encode())

    def for_others(self, node_id: NodeId, addresses: tuple[Address, ...]) -> Contact:
        """Whom a machine that knows nobody should call first: a bootstrap node, else this node at its first address."""
        return self._configured[0] if self._configured else Contact(addresses[0], node_id)
