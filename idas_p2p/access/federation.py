"""This node's membership: the manifest in force, the keys it gives, the invitations still open.

Belongs here: what follows from a manifest or an invitation. Not here: fetching either (node/membership.py).
Source: docs/spec/federation.md.
"""

from __future__ import annotations

from collections.abc import Callable

from idas_p2p.access.admission import Admission, Vault
from idas_p2p.access.admission import psk_id as psk_id
from idas_p2p.access.blinding import Blinder
from idas_p2p.access.invitation import Invitation
from idas_p2p.access.manifest import (
    ManifestRefusal,
    check_manifest,
    found,
    new_secrets,
    open_membership,
    open_secrets,
    succeed,
)
from idas_p2p.access.names import means, same_name, unfit
from idas_p2p.access.policy import Requester
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadCode, BadConfiguration, NoSuchThing, NotAMember, NotAnAdmin
from idas_p2p.limits import MAX_CLOCK_SKEW, RECORD_LIFETIME
from idas_p2p.wire.federation import MAX_MEMBERS, Manifest, Membership, Secrets
from idas_p2p.wire.ids import NodeId

_MANIFEST, _BEFORE, _CHANGED = "federation.manifest", "federation.before", "federation.secrets_changed"


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
        before = self._stored_manifest(_BEFORE)
        is_ours = before and self.manifest and before.federation == self.manifest.federation
        self._before = before if is_ours else None  # it may be of a federation this node was in earlier
        self._secrets = self._secrets_of(self.manifest)
        self._old_secrets = self._secrets_of(self._before)
        self._secrets_changed = int.from_bytes(vault.value(_CHANGED) or b"", "big")  # Unix seconds
        self._admission = Admission(vault)

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
        if self._old_secrets and now < self._secrets_changed + RECORD_LIFETIME:
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
        """The joining key with this id, of an invitation not yet expired; `admit` asks whether it has uses left."""
        return self._admission.find_psk(wanted, now=now)

    def open_invitations(self, *, now: float) -> list[tuple[bytes, int]]:
        """Code secret and expiry (Unix seconds) of each invitation that may still be used."""
        return self._admission.usable(now=now)

    def membership(self) -> Membership | None:
        """What shows to a relay that we belong to this federation; None outside one."""
        return open_membership(self.manifest, self._identity) if self.manifest and self._secrets else None

    # -- changes

    def create(self, institution: str, name: str, *, now: float) -> Manifest:
        """Found a federation with this node as admin.

        Raises:
            BadConfiguration: this node belongs to one already, or a name is not fit to be one.
        """
        if self.is_member:
            raise BadConfiguration("this node belongs to a federation already")
        if problem := unfit(name) or unfit(institution):
            raise BadConfiguration(problem)
        manifest = found(self._identity, institution, name, now=now, random_bytes=self._random_bytes)
        self._keep(manifest, now=now)
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
        if refusal is None and admin is not None and manifest.member(self._identity.node_id) is None:
            refusal = ManifestRefusal.NOT_NAMED
        if refusal is None:
            try:
                self._keep(manifest, now=now)
            except NotAMember:
                refusal = ManifestRefusal.NOT_SEALED
        return refusal

    def invite(self, invitation: Invitation, *, expires: float, uses: int, now: float) -> None:
        """Remember an invitation until it expires.

        Raises:
            NotAnAdmin: only the admin can admit members.
            BadConfiguration: its uses or expiry make no sense, or there are too many.
        """
        self._require_admin()
        self._admission.add(invitation.secret, expires=expires, uses=uses, now=now)

    def admit(self, node_id: NodeId, institution: str, *, proved: bytes, now: float) -> Manifest:
        """Make a joining node a member, using up one use of its invitation.

        Args:
            node_id: proved by the handshake.
            institution: as it calls itself.
            proved: id of the invitation's pre-shared key.
            now: Unix seconds.

        Raises:
            NotAnAdmin: this node cannot admit.
            BadCode: the invitation is used up or expired, or the institution's name is another's or not fit to be one.
        """
        manifest = self._require_admin()
        if self.institution(node_id) == institution:
            return manifest  # its first answer was lost: the same invitation gives the same membership
        if not self._admission.has_use_left(proved, now=now):
            raise BadCode("the invitation has expired or is used up")
        members = {member.node_id: member.institution for member in manifest.members}
        if problem := unfit(institution):
            raise BadCode(f"the institution's name in node.toml: {problem}")
        if any(same_name(institution, name) for other, name in members.items() if other != node_id):
            raise BadCode("another member has this institution name; choose another in node.toml")
        if len(members | {node_id: institution}) > MAX_MEMBERS:
            raise BadCode(f"a federation has at most {MAX_MEMBERS} members")
        successor = succeed(self._identity, manifest, members | {node_id: institution}, self.secrets, now=now)
        self._admission.use(proved, now=now)
        self._keep(successor, now=now)
        return successor

    def remove(self, name: str, *, now: float) -> Manifest:
        """Remove a member, by institution or NodeId, change all secrets and end the invitations that were used.

        Raises:
            NotAnAdmin: only the admin can.
            NoSuchThing: no such member.
            BadConfiguration: it is the admin itself.
        """
        manifest = self._require_admin()
        gone = [m for m in manifest.members if means(name, m.node_id, m.institution)]
        if not gone:
            raise NoSuchThing("no member has this name")
        if gone[0].node_id == self._identity.node_id:
            raise BadConfiguration("the administrator's own node cannot be removed")
        members = {m.node_id: m.institution for m in manifest.members if m != gone[0]}
        successor = succeed(self._identity, manifest, members, new_secrets(self._random_bytes), now=now)
        self._admission.end_used()
        self._keep(successor, now=now)
        return successor

    def leave(self) -> None:
        """Forget the federation and its secrets; another may be joined, or the same one again.

        Raises:
            NotAMember: there is nothing to leave.
            BadConfiguration: this node administers others, who would be left without an admin.
        """
        if self.manifest is None:
            raise NotAMember
        if self.is_admin and self.others():
            raise BadConfiguration("this node administers the federation; remove the other members first")
        for key in (_MANIFEST, _BEFORE):
            self._vault.set_value(key, b"")
        self.manifest = self._secrets = self._before = self._old_secrets = None

    def renewal(self, *, now: float) -> Manifest | None:
        """As admin, a successor with the same members when half of the manifest's life is over."""
        manifest = self.manifest
        if manifest is None or not self.is_admin or now < (manifest.issued + manifest.expires) / 2 - MAX_CLOCK_SKEW:
            return None
        members = {m.node_id: m.institution for m in manifest.members}
        successor = succeed(self._identity, manifest, members, self.secrets, now=now)
        self._keep(successor, now=now)
        return successor

    def _require_admin(self) -> Manifest:
        manifest = self.require_member()
        if not self.is_admin:
            raise NotAnAdmin
        return manifest

    # -- keeping

    def _keep(self, manifest: Manifest, *, now: float) -> None:
        joins_another = self.manifest is not None and self.manifest.federation != manifest.federation
        secrets = self._secrets_of(manifest)
        if joins_another:
            self._before, self._old_secrets = None, None
        elif self.manifest is not None and secrets != self._secrets and self._secrets is not None:
            self._vault.set_value(_BEFORE, self.manifest.to_bytes())
            self._before, self._old_secrets = self.manifest, self._secrets
            self._secrets_changed = int(now)
            self._vault.set_value(_CHANGED, self._secrets_changed.to_bytes(8, "big"))
        self._vault.set_value(_MANIFEST, manifest.to_bytes())
        self.manifest, self._secrets = manifest, secrets

    def _stored_manifest(self, key: str) -> Manifest | None:
        data = self._vault.value(key)
        return Manifest.from_bytes(data) if data else None

    def _secrets_of(self, manifest: Manifest | None) -> Secrets | None:
        if manifest is None or manifest.member(self._identity.node_id) is None:
            return None
        return open_secrets(manifest, self._identity)
