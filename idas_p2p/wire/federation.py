"""The manifest of a federation and what travels while a node joins. Signing and checking are in access/manifest.py.

Source: docs/spec/federation.md sections 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from idas_p2p.wire.address import Address
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import U64, Bytes32, Bytes64, Limit, decode, encode, to_plain

MAX_MEMBERS: Final = 1_000  # of one federation; protocol
MAX_MANIFEST_SIZE: Final = 524_288  # bytes; protocol: 1,000 members whose names have 64 characters of 4 bytes
MANIFEST_CONTEXT: Final = b"idas manifest 1"  # domain separation of the signature; protocol
MEMBERSHIP_CONTEXT: Final = b"idas relay member 1"  # domain separation of the signature; protocol
Name = Annotated[str, Limit(1, 64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What members of one epoch share; never prints itself."""

    read: Bytes32  # opens payloads of the directory
    write: Bytes32  # derives locations in the directory
    psk: Bytes32  # proves membership in handshakes

    def __repr__(self) -> str:
        return "Secrets(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedForMember:
    """What is sealed to one member: the epoch's secrets, and what it alone may show to a relay; never prints itself."""

    read: Bytes32
    write: Bytes32
    psk: Bytes32
    membership: Bytes64  # the admin's signature over `membership_bytes`

    def __repr__(self) -> str:
        return "SealedForMember(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Shows to a relay that a node belongs to a federation in one epoch; docs/spec/federation.md section 2.8."""

    admin: NodeId
    federation: Bytes32
    epoch: U64
    expires: U64  # Unix seconds; the manifest's
    signature: Bytes64  # by the admin, over `membership_bytes` with the node that shows it


def membership_bytes(*, federation: bytes, node: NodeId, epoch: int, expires: int) -> bytes:
    """What the admin's signature of a membership covers."""
    return MEMBERSHIP_CONTEXT + pack([federation, node.raw, epoch, expires])


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One institution's node and the epoch's secrets, sealed so that only it can read them."""

    node_id: NodeId
    institution: Name
    sealed_secrets: Annotated[bytes, Limit(1, 256)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Who belongs to a federation in one epoch."""

    federation: Bytes32  # random, constant over all epochs
    name: Name
    epoch: U64  # 1, 2, 3, ...
    previous: Bytes32  # BLAKE2b-256 of the manifest before; zeros for the first
    issued: U64  # Unix seconds
    expires: U64  # Unix seconds
    admin: NodeId
    members: Annotated[tuple[Member, ...], Limit(1, MAX_MEMBERS)]  # ascending by NodeId
    signature: Bytes64

    def signed_bytes(self) -> bytes:
        """What the admin's signature covers: everything but the signature."""
        return MANIFEST_CONTEXT + pack(to_plain(self)[:-1])

    def to_bytes(self) -> bytes:
        """The canonical encoding."""
        return encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read the canonical encoding; nothing is checked but the form.

        Raises:
            WireError: not a manifest.
        """
        return decode(cls, data, max_size=MAX_MANIFEST_SIZE)

    def member(self, node_id: NodeId) -> Member | None:
        """The member with this NodeId, or None."""
        return next((member for member in self.members if member.node_id == node_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestHeader:
    """Directory payload that tells members of a newer manifest; sealed with the federation's own key."""

    epoch: U64
    digest: Bytes32  # BLAKE2b-256 of the manifest's bytes
    expires: U64  # Unix seconds
    signature: Bytes64  # by the admin


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteRecord:
    """Directory payload at the place an invitation code points to: whom to call."""

    inviter: NodeId
    federation_name: Name
    addresses: Annotated[tuple[Address, ...], Limit(0, 8)]
    expires: U64  # Unix seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Directory payload at the blind place of a member and a group: it belongs to it; docs/spec/directory.md."""

    issuer: NodeId  # an admin
    withdrawn: bool
    expires: U64  # Unix seconds; of the membership, while the record has its own
    signature: Bytes64  # by the issuer's identity; it covers the place, which names member and group, and the slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Directory payload at a blind location: this member holds something that matches; docs/spec/directory.md."""

    holder: NodeId
    withdrawn: bool
    count: Annotated[int, Limit(0, 2**31)]  # instances for a study; 0 for an index term
    signature: Bytes64  # by the holder's identity; it covers the place, the slot and when the record expires too
