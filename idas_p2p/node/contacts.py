"""Whom to call first: the bootstrap nodes of the configuration, and the contact that came with an invitation.

Belongs here: which they are. Not here: calling them (directory/joining.py), waiting at them (relays.py).
"""

from __future__ import annotations

from typing import Final

from idas_p2p.errors import BadConfiguration
from idas_p2p.store.settings import Settings
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.ids import NodeId

MAX_JOINED: Final = 8  # contacts of invitations; ours: one for each federation
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
        return tuple(dict.fromkeys((*self._configured, *self._joined())))

    def remember(self, contact: Contact) -> None:
        """Call this node of the directory at every start from now on; the last MAX_JOINED are."""
        kept = [one for one in self._joined() if one != contact][-MAX_JOINED + 1 :]
        self._settings.set_value(_JOIN_CONTACT, "\n".join(map(str, [*kept, contact])).encode())

    def _joined(self) -> list[Contact]:
        stored = self._settings.value(_JOIN_CONTACT) or b""
        return [Contact.parse(line) for line in stored.decode().splitlines()]

    def for_others(self, node_id: NodeId, addresses: tuple[Address, ...]) -> Contact:
        """Whom a machine that knows nobody should call first: a bootstrap node, else this node at its first address.

        Raises:
            BadConfiguration: there is neither.
        """
        ours = tuple(Contact(address, node_id) for address in addresses)
        if first := next(iter((*self._configured, *ours, *self._joined())), None):
            return first
        raise BadConfiguration("nobody could reach this node at any address: name a bootstrap node in node.toml")
