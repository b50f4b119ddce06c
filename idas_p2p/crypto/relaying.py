"""Keys between a node and a relay: the handshake of their link, vouchers, and what shows that a node is a member.

The link is sealed so that nobody on the way learns who reaches whom. It protects nothing of what two nodes say to each
other through the relay: that has a handshake of its own, inside. Source: docs/spec/relay.md sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from idas_p2p.crypto.handshake import introduced, noise_towards
from idas_p2p.crypto.keys import SigningKey, verify
from idas_p2p.crypto.noise import HandshakeState
from idas_p2p.errors import BadSignature, HandshakeFailed
from idas_p2p.wire.federation import Membership, membership_bytes
from idas_p2p.wire.handshake import Introduction
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import voucher_bytes

PATTERN: Final = "XK"
PROLOGUE: Final = b"idas_p2p relay 1"
VOUCHER_LIFETIME: Final = 7_200  # seconds; ours: a record that still names a relay left an hour ago costs one refusal

Keys = tuple[bytes, bytes]  # for sending and for receiving, 32 bytes each


class LinkInitiator:
    """The node's side: `hello`, `read_answer`, `introduce`.

    Args:
        identity: ours.
        relay: whom to find at the other end.
        random_bytes: the operating system's, except in tests.

    Raises:
        HandshakeFailed: `relay` is not a valid key.
    """

    def __init__(self, identity: SigningKey, relay: NodeId, *, random_bytes: Callable[[int], bytes]) -> None:
        self._identity = identity
        self._noise = noise_towards(relay, PATTERN, PROLOGUE, identity, random_bytes=random_bytes)

    def hello(self) -> bytes:
        """The first message."""
        return self._noise.write_message(b"")

    def read_answer(self, message: bytes) -> None:
        """Take the second message: HandshakeFailed unless it is the relay's."""
        if self._noise.read_message(message):
            raise HandshakeFailed("the relay's answer carries something unknown")

    def introduce(self) -> tuple[bytes, Keys]:
        """The third message, and the keys of the link."""
        message = self._noise.write_message(Introduction(node_id=self._identity.node_id).to_bytes())
        return message, self._noise.split()


class LinkResponder:
    """The relay's side: `read_hello`, then `read_introduction`.

    Args:
        identity: the relay's.
        random_bytes: the operating system's, except in tests.
    """

    def __init__(self, identity: SigningKey, *, random_bytes: Callable[[int], bytes]) -> None:
        self._noise = HandshakeState(
            PATTERN, initiator=False, static=identity.x25519_secret(), prologue=PROLOGUE, random_bytes=random_bytes
        )

    def read_hello(self, message: bytes) -> bytes:
        """Take the first message and return the second; HandshakeFailed when it is none for us."""
        if self._noise.read_message(message):
            raise HandshakeFailed("a hello carries something unknown")
        return self._noise.write_message(b"")

    def read_introduction(self, message: bytes) -> tuple[NodeId, Keys]:
        """Take the third message; returns who is there, and the keys. HandshakeFailed when that is not proved."""
        node = introduced(self._noise, self._noise.read_message(message))
        if node is None:
            raise HandshakeFailed("the node introduced is not the one whose key was proved")
        return node, self._noise.split()


def sign_voucher(relay: SigningKey, node: NodeId, *, expires: int) -> bytes:
    """The relay's word that it knows the node, until `expires` (Unix seconds): 64 bytes."""
    return relay.sign(voucher_bytes(node=node, relay=relay.node_id, expires=expires))


def is_voucher(signature: bytes, *, node: NodeId, relay: NodeId, expires: int) -> bool:
    """Whether the relay gave this voucher for this node and this time."""
    try:
        verify(relay.raw, voucher_bytes(node=node, relay=relay, expires=expires), signature)
    except BadSignature:
        return False
    return True


def sign_membership(admin: SigningKey, *, federation: bytes, node: NodeId, epoch: int, expires: int) -> bytes:
    """The admin's word that a node belongs to its federation in this epoch: 64 bytes, sealed to the member alone."""
    return admin.sign(membership_bytes(federation=federation, node=node, epoch=epoch, expires=expires))


def is_membership(shown: Membership, *, node: NodeId) -> bool:
    """Whether the admin named in it gave it to this node."""
    signed = membership_bytes(federation=shown.federation, node=node, epoch=shown.epoch, expires=shown.expires)
    try:
        verify(shown.admin.raw, signed, shown.signature)
    except BadSignature:
        return False
    return True
