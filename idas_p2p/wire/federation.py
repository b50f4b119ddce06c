"""The manifest of a federation and what travels while a node joins. Signing and checking are in access/manifest.py.

Source: docs/spec/federation.md sections 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from idas_p2p.errors import UnsupportedVersion
from idas_p2p.wire.address import Address
from idas_p2p.wire.canonical import pack, unpack
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import U64, Bytes32, Bytes64, Limit, encode, from_plain, to_plain

MANIFEST_VERSION: Final = 2  # protocol
MAX_MEMBERS: Final = 1_000  # of one federation; protocol
MAX_REMOVED: Final = 2_000  # removals a manifest remembers; protocol
MAX_ADMINS: Final = 16  # of one federation at a time; protocol
MAX_CHANGES: Final = 64  # of the admins in the life of a federation; protocol
MAX_CLOCKS: Final = MAX_ADMINS + MAX_CHANGES  # admins that ever signed; protocol
MAX_MANIFEST_SIZE: Final = 917_504  # bytes; protocol: every list full, names of 64 characters of 4 bytes
MANIFEST_CONTEXT: Final = b"idas manifest 2"  # domain separation of the signature; protocol
CHANGE_CONTEXT: Final = b"idas admins 1"  # domain separation of votes; protocol
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
    life: U64  # 1 for a first membership, one more than the life that was removed for each later one
    named: U64  # epoch in which it got this name
    sealed_secrets: Annotated[bytes, Limit(1, 256)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A node that was a member; who admits it again gives it a later life."""

    node_id: NodeId
    life: U64  # it and all before it have ended
    until: U64  # Unix seconds; no manifest that still names it can be put in force after that


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One admin's agreement to a change of the admins."""

    admin: NodeId
    signature: Bytes64  # over `Change.voted_bytes`


ADD, REMOVE = 1, 2  # what a change does; protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of who the admins are, and the votes for it; access/charter.py."""

    previous: Bytes32  # what the charter was before: it names the federation and every change so far
    act: Annotated[int, Limit(ADD, REMOVE)]
    subject: NodeId
    votes: Annotated[tuple[Vote, ...], Limit(1, MAX_ADMINS)]  # ascending by admin

    def voted_bytes(self) -> bytes:
        """What a vote signs: everything but the votes."""
        return CHANGE_CONTEXT + pack([self.previous, self.act, self.subject.raw])


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many manifests an admin had signed."""

    admin: NodeId
    signed: Annotated[int, Limit(1, 2**53)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Who belongs to a federation in one epoch, as one of its admins signed it."""

    version: Annotated[int, Limit(MANIFEST_VERSION, MANIFEST_VERSION)]
    federation: Bytes32  # random, constant over all epochs
    name: Name
    founder: NodeId  # the first admin
    changes: Annotated[tuple[Change, ...], Limit(0, MAX_CHANGES)]  # of the admins, in their order
    proposals: Annotated[tuple[Change, ...], Limit(0, MAX_ADMINS)]  # that lack votes; ascending by act and subject
    counts: Annotated[tuple[Count, ...], Limit(1, MAX_CLOCKS)]  # this manifest included; ascending by admin
    previous: Annotated[tuple[Bytes32, ...], Limit(0, MAX_ADMINS)]  # BLAKE2b-256 of those it follows; ascending
    era: U64  # counts the secrets: fresh ones have a higher number
    issued: U64  # Unix seconds
    expires: U64  # Unix seconds
    admin: NodeId  # who signed it
    members: Annotated[tuple[Member, ...], Limit(1, MAX_MEMBERS)]  # ascending by NodeId
    removed: Annotated[tuple[Removed, ...], Limit(0, MAX_REMOVED)]  # ascending by NodeId
    signature: Bytes64

    @property
    def epoch(self) -> int:
        """How many manifests were signed before and with it: 1, 2, 3, ..."""
        return sum(count.signed for count in self.counts)

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
            UnsupportedVersion: a manifest of another version; the first one had none in its first field.
            WireError: not a manifest.
        """
        plain = unpack(data, max_size=MAX_MANIFEST_SIZE)
        if isinstance(plain, list) and plain and plain[0] != MANIFEST_VERSION:
            version = plain[0] if type(plain[0]) is int else 1
            raise UnsupportedVersion(f"manifest version {version}, {MANIFEST_VERSION} expected")
        return from_plain(cls, plain)

    def member(self, node_id: NodeId) -> Member | None:
        """The member with this NodeId, or None."""
        return next((member for member in self.members if member.node_id == node_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestHeader:
    """Directory payload that tells members of a newer manifest; sealed with the federation's own key."""

    signed: U64  # how many manifests the admin whose place it is has signed
    digest: Bytes32  # BLAKE2b-256 of the newest one's bytes
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
