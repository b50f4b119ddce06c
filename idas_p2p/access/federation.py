"""This node's membership: the manifest in force, the keys it gives, the invitations still open.

Belongs here: what follows from a manifest or an invitation. Not here: fetching either (node/membership.py).
Source: docs/spec/federation.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Protocol

from idas_p2p.access.blinding import Blinder
from idas_p2p.access.invitation import Invitation, invitation_psk
from idas_p2p.access.manifest import (
    ManifestRefusal,
    check_manifest,
    found,
    new_secrets,
    open_secrets,
    succeed,
)
from idas_p2p.access.policy import Requester
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadCode, BadConfiguration, NoSuchThing, NotAMember, NotAnAdmin
from idas_p2p.limits import MAX_CLOCK_SKEW, RECORD_LIFETIME
from idas_p2p.wire.federation import MAX_MANIFEST_SIZE, MAX_MEMBERS, Manifest, Secrets
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import U64, Limit, decode, encode

PSK_ID_SIZE = 8  # bytes; protocol: docs/spec/transport.md
MAX_OPEN_INVITATIONS = 256  # ours
_MANIFEST, _BEFORE, _INVITATIONS = "federation.manifest", "federation.before", "federation.invitations"


class Vault(Protocol):
    """Keeps named values over restarts."""

    def value(self, key: str) -> bytes | None:
        """What was last set, or None."""
        ...

    def set_value(self, key: str, value: bytes) -> None:
        """Keep a value; durable when it returns."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OpenInvitation:
    """An invitation that may still be used; `code_secret` is the secret in its code."""

    code_secret: Annotated[bytes, Limit(16, 16)]
    expires: U64  # Unix seconds
    uses_left: Annotated[int, Limit(0, 65_536)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Invitations:
    items: Annotated[tuple[OpenInvitation, ...], Limit(0, MAX_OPEN_INVITATIONS)]


def psk_id(psk: bytes) -> bytes:
    """Eight bytes that tell the other side which pre-shared key is meant."""
    return derive(psk, "idas psk id")[:PSK_ID_SIZE]


class Federation:
    """Membership of one node in one federation.

    Args:
        identity: the node's key.
        vault: where it is kept.
        random_bytes: a cryptographic source.
    """

    def __init__(self, identity: SigningKey, vault: Vault, *, random_bytes: Callable[[int], bytes]) -> None:
        self._identity, self._vault, self._random_bytes = identity, vault, random_bytes
        self.manifest = self._stored_manifest(_MANIFEST)
        self._before = self._stored_manifest(_BEFORE)
        self._secrets = self._secrets_of(self.manifest)
        self._old_secrets = self._secrets_of(self._before)
        stored = vault.value(_INVITATIONS)
        self._invitations = decode(_Invitations, stored, max_size=65_536).items if stored else ()

    # -- what is in force

    @property
    def secrets(self) -> Secrets:
        """The secrets of the epoch in force.

        Raises:
            NotAMember: there is none.
        """
        if self._secrets is None:
            raise NotAMember
        return self._secrets

    @property
    def is_member(self) -> bool:
        """Whether this node belongs to a federation and can use its secrets."""
        return self._secrets is not None

    @property
    def epoch(self) -> int:
        """The epoch in force; 0 outside a federation."""
        return self.manifest.epoch if self.manifest else 0

    @property
    def is_admin(self) -> bool:
        """Whether this node may sign manifests."""
        return self.manifest is not None and self.manifest.admin == self._identity.node_id

    def require_member(self) -> Manifest:
        """The manifest in force.

        Raises:
            NotAMember: there is none, or it no longer names us.
        """
        if self.manifest is None or self._secrets is None:
            raise NotAMember
        return self.manifest

    def others(self) -> list[NodeId]:
        """The other members."""
        if self.manifest is None or self._secrets is None:
            return []
        return [member.node_id for member in self.manifest.members if member.node_id != self._identity.node_id]

    def institution(self, node_id: NodeId) -> str | None:
        """The institution of a member; None for anyone else."""
        member = self.manifest.member(node_id) if self.manifest and self._secrets else None
        return member.institution if member else None

    def requester(self, node_id: NodeId, user: str) -> Requester:
        """A member that asks for one of its users.

        Raises:
            NotAMember: it is not on the roster.
        """
        institution = self.institution(node_id)
        if institution is None:
            raise NotAMember("the asking node is not on the roster")
        return Requester(node_id=node_id, institution=institution, user=user)

    def blinders(self, *, now: float) -> list[Blinder]:
        """How to find places and read claims: the epoch in force, then the one before while its records may live."""
        in_force = [Blinder(self._secrets)] if self._secrets else []
        if self._old_secrets and self.manifest and now < self.manifest.issued + RECORD_LIFETIME:
            in_force.append(Blinder(self._old_secrets))
        return in_force

    # -- keys for handshakes

    def find_member_psk(self, wanted: bytes) -> bytes | None:
        """The pre-shared key with this id: of the epoch in force, or of the one before."""
        known = [s.psk for s in (self._secrets, self._old_secrets) if s is not None]
        return next((psk for psk in known if psk_id(psk) == wanted), None)

    def is_current(self, proved: bytes) -> bool:
        """Whether a proved key is that of the epoch in force; the one before only fetches the new manifest."""
        return self._secrets is not None and psk_id(self._secrets.psk) == proved

    def find_invitation_psk(self, wanted: bytes, *, now: float) -> bytes | None:
        """The joining key with this id, of an invitation still open."""
        keys = (invitation_psk(i.code_secret) for i in self._invitations if i.uses_left and now < i.expires)
        return next((key for key in keys if psk_id(key) == wanted), None)

    def open_invitations(self, *, now: float) -> list[tuple[bytes, int]]:
        """Code secret and expiry (Unix seconds) of each invitation that may still be used."""
        return [(i.code_secret, i.expires) for i in self._invitations if i.uses_left and now < i.expires]

    # -- changes

    def create(self, institution: str, name: str, *, now: float) -> Manifest:
        """Found a federation with this node as admin.

        Raises:
            BadConfiguration: this node belongs to one already.
        """
        if self.is_member:
            raise BadConfiguration("this node belongs to a federation already")
        manifest = found(self._identity, institution, name, now=now, random_bytes=self._random_bytes)
        self._keep(manifest)
        return manifest

    def install(self, manifest: Manifest, *, now: float, admin: NodeId | None = None) -> ManifestRefusal | None:
        """Put a manifest in force after checking it; return why not, or None.

        Args:
            manifest: as parsed.
            now: Unix seconds.
            admin: when joining, who must have signed it.
        """
        before = None if admin is not None else self.manifest
        if before is None and manifest.admin != admin:
            return ManifestRefusal.NOT_ADMIN
        refusal = check_manifest(manifest, before, now=now)
        if refusal is None:
            self._keep(manifest)
        return refusal

    def invite(self, invitation: Invitation, *, expires: float, uses: int, now: float) -> None:
        """Remember an invitation until it expires or is used up.

        Raises:
            NotAnAdmin: only the admin can admit members.
            BadConfiguration: too many are open.
        """
        self.require_member()
        if not self.is_admin:
            raise NotAnAdmin
        open_ones = tuple(i for i in self._invitations if i.uses_left and now < i.expires)
        if len(open_ones) >= MAX_OPEN_INVITATIONS:
            raise BadConfiguration(f"{MAX_OPEN_INVITATIONS} invitations are open; wait until some expire")
        added = OpenInvitation(code_secret=invitation.secret, expires=int(expires), uses_left=uses)
        self._keep_invitations((*open_ones, added))

    def admit(self, node_id: NodeId, institution: str, *, proved: bytes, now: float) -> Manifest:
        """Make a joining node a member, using up one use of its invitation.

        Args:
            node_id: proved by the handshake.
            institution: as it calls itself.
            proved: id of the invitation's pre-shared key.
            now: Unix seconds.

        Raises:
            NotAnAdmin: this node cannot admit.
            BadCode: the invitation is used up or expired, or another member has that institution's name.
        """
        manifest = self.require_member()
        if not self.is_admin:
            raise NotAnAdmin
        if self.institution(node_id) == institution:
            return manifest  # its first answer was lost: the same invitation gives the same membership
        if self.find_invitation_psk(proved, now=now) is None:
            raise BadCode("the invitation has expired or is used up")
        members = {member.node_id: member.institution for member in manifest.members}
        if institution in (name for other, name in members.items() if other != node_id):
            raise BadCode("another member has this institution name; choose another in node.toml")
        if len(members) >= MAX_MEMBERS:
            raise BadCode(f"a federation has at most {MAX_MEMBERS} members")
        successor = succeed(self._identity, manifest, members | {node_id: institution}, self.secrets, now=now)
        self._keep_invitations(
            tuple(
                replace(i, uses_left=i.uses_left - 1) if psk_id(invitation_psk(i.code_secret)) == proved else i
                for i in self._invitations
            )
        )
        self._keep(successor)
        return successor

    def remove(self, name: str, *, now: float) -> Manifest:
        """Remove a member, by institution or NodeId, and change all secrets.

        Raises:
            NotAnAdmin: only the admin can.
            NoSuchThing: no such member.
            BadConfiguration: it is the admin itself.
        """
        manifest = self.require_member()
        if not self.is_admin:
            raise NotAnAdmin
        gone = [m for m in manifest.members if name in (m.institution, str(m.node_id))]
        if not gone:
            raise NoSuchThing("no member has this name")
        if gone[0].node_id == self._identity.node_id:
            raise BadConfiguration("the administrator's own node cannot be removed")
        members = {m.node_id: m.institution for m in manifest.members if m != gone[0]}
        successor = succeed(self._identity, manifest, members, new_secrets(self._random_bytes), now=now)
        self._keep(successor)
        return successor

    def renewal(self, *, now: float) -> Manifest | None:
        """As admin, a successor with the same members when half of the manifest's life is over."""
        manifest = self.manifest
        if manifest is None or not self.is_admin or now < (manifest.issued + manifest.expires) / 2 - MAX_CLOCK_SKEW:
            return None
        members = {m.node_id: m.institution for m in manifest.members}
        successor = succeed(self._identity, manifest, members, self.secrets, now=now)
        self._keep(successor)
        return successor

    # -- keeping

    def _keep(self, manifest: Manifest) -> None:
        joins_another = self.manifest is not None and self.manifest.federation != manifest.federation
        secrets = self._secrets_of(manifest)
        if joins_another:
            self._before, self._old_secrets = None, None
        elif self.manifest is not None and secrets != self._secrets and self._secrets is not None:
            self._vault.set_value(_BEFORE, self.manifest.to_bytes())
            self._before, self._old_secrets = self.manifest, self._secrets
        self._vault.set_value(_MANIFEST, manifest.to_bytes())
        self.manifest, self._secrets = manifest, secrets

    def _keep_invitations(self, invitations: tuple[OpenInvitation, ...]) -> None:
        self._vault.set_value(_INVITATIONS, encode(_Invitations(items=invitations)))
        self._invitations = invitations

    def _stored_manifest(self, key: str) -> Manifest | None:
        data = self._vault.value(key)
        return Manifest.from_bytes(data[:MAX_MANIFEST_SIZE]) if data else None

    def _secrets_of(self, manifest: Manifest | None) -> Secrets | None:
        if manifest is None or manifest.member(self._identity.node_id) is None:
            return None
        return open_secrets(manifest, self._identity)
