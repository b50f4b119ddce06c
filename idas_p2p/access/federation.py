"""This node's membership in a federation: founding, taking manifests, leaving; and, as admin, who may join.

Belongs here: that. Not here: reading what is in force (standing.py), an admin's other acts (administration.py), what
manifests mean together (heads.py). Source: docs/spec/federation.md.
"""

from __future__ import annotations

from idas_p2p.access.administration import Administration
from idas_p2p.access.admission import AskingNode, OpenInvitation
from idas_p2p.access.admission import psk_id as psk_id
from idas_p2p.access.heads import Known
from idas_p2p.access.invitation import Invitation
from idas_p2p.access.manifest import ManifestRefusal, form_refusal, found, proof_refusal
from idas_p2p.access.names import means, same_name, unfit
from idas_p2p.errors import AwaitingApproval, BadCode, BadConfiguration, NoSuchThing, NotAMember
from idas_p2p.wire.federation import MAX_MEMBERS, Manifest
from idas_p2p.wire.ids import NodeId


class Federation(Administration):
    """Membership of one node in one federation; arguments as for Administration."""

    # -- as anybody

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
        self._keep(Known.of([manifest]), now=now)
        return manifest

    def install(self, manifest: Manifest, *, now: float, inviter: NodeId | None = None) -> ManifestRefusal | None:
        """Put a manifest in force beside what is known after checking it; return why not, or None.

        Args:
            manifest: as parsed.
            now: Unix seconds.
            inviter: when joining, who must be one of its admins.
        """
        refusal = self._refusal(manifest, inviter, now=now)
        if refusal is None:
            is_first = inviter is not None or self.known is None
            known = Known.of([manifest]) if is_first or self.known is None else self.known.with_manifest(manifest)
            try:
                self._keep(known, now=now)
            except NotAMember:
                refusal = ManifestRefusal.NOT_SEALED
        return refusal

    def _refusal(self, manifest: Manifest, inviter: NodeId | None, *, now: float) -> ManifestRefusal | None:
        if inviter is None:
            return ManifestRefusal.NOT_ADMIN if self.known is None else self.known.refusal(manifest, now=now)
        if refusal := form_refusal(manifest):
            return refusal
        if inviter not in Known.of([manifest]).charter.admins:
            return ManifestRefusal.NOT_ADMIN
        if self._identity.node_id not in Known.of([manifest]).members:
            return ManifestRefusal.NOT_NAMED
        return proof_refusal(manifest, now=now)

    def leave(self) -> None:
        """Forget the federation and its secrets; another may be joined, or the same one again.

        Raises:
            NotAMember: there is nothing to leave.
            BadConfiguration: this node administers others, who would be left with an admin that is not there.
        """
        if self.known is None and not self.is_outdated:
            raise NotAMember
        if self.is_admin and self.others():
            raise BadConfiguration(
                "this node administers the federation; remove the other members first, or let another administrator "
                "take over and remove this one with `idas federation admin remove`"
            )
        self._forget()

    # -- invitations

    def find_invitation_psk(self, wanted: bytes, *, now: float) -> bytes | None:
        """The joining key with this id, of an invitation not yet expired; `admit` asks whether it has uses left."""
        return self._admission.find_psk(wanted, now=now)

    def invitations(self, *, now: float) -> list[OpenInvitation]:
        """Those that have not expired, used up or not."""
        return self._admission.current(now=now)

    def invite(
        self, invitation: Invitation, *, expires: float, uses: int, now: float, needs_approval: bool = False
    ) -> OpenInvitation:
        """Remember an invitation until it expires.

        Raises:
            NotAnAdmin: only an admin can admit members.
            BadConfiguration: its uses or expiry make no sense, or there are too many.
        """
        self._require_admin()
        return self._admission.add(
            invitation.secret, expires=expires, uses=uses, needs_approval=needs_approval, now=now
        )

    def revoke(self, label: str, *, now: float) -> OpenInvitation:
        """End an invitation before its time; whoever waits for approval with it is refused.

        Raises:
            NoSuchThing: none has this label.
        """
        return self._admission.revoke(label, now=now)

    def asking(self, *, now: float) -> list[AskingNode]:
        """Who waits for approval."""
        return [one for one in self._admission.asking(now=now) if not one.is_refused]

    def approve(self, name: str, *, now: float) -> Manifest:
        """Make a node a member that waits for approval, by institution or NodeId.

        Raises:
            NotAnAdmin: this node cannot admit.
            NoSuchThing: nobody of this name waits.
            BadCode: as for `admit`.
        """
        self._require_admin()
        asking = self._waiting(name, now=now)
        manifest = self._admit(asking.node_id, asking.institution, proved=asking.psk_id, now=now)
        self._admission.settle(asking, is_refused=False, now=now)
        return manifest

    def refuse(self, name: str, *, now: float) -> AskingNode:
        """Refuse a node that waits for approval; it is told when it asks again.

        Raises:
            NoSuchThing: nobody of this name waits.
        """
        asking = self._waiting(name, now=now)
        self._admission.settle(asking, is_refused=True, now=now)
        return asking

    def _waiting(self, name: str, *, now: float) -> AskingNode:
        waiting = [one for one in self.asking(now=now) if means(name, one.node_id, one.institution)]
        if not waiting:
            raise NoSuchThing("nobody of this name waits for approval")
        if len(waiting) > 1:
            raise NoSuchThing("several nodes of this name wait; give the NodeId of one")
        return waiting[0]

    def admit(self, node_id: NodeId, institution: str, *, proved: bytes, now: float) -> Manifest:
        """Make a joining node a member, using up one use of its invitation; or have it wait for approval.

        Args:
            node_id: proved by the handshake.
            institution: as it calls itself.
            proved: id of the invitation's pre-shared key.
            now: Unix seconds.

        Raises:
            NotAnAdmin: this node cannot admit.
            BadCode: the invitation is used up or expired, or the institution's name is another's or not fit to be one.
            AwaitingApproval: somebody has to approve it first.
        """
        self._require_admin()
        if self.institution(node_id) == institution:
            return self._manifest_for(node_id)  # its first answer was lost
        invitation = self._admission.find(proved, now=now)
        if invitation is not None and invitation.uses_left and invitation.needs_approval:
            self._check_name(node_id, institution)
            if not self._admission.ask(AskingNode.of(node_id, institution, proved=proved, now=now), now=now):
                raise BadCode("the administrator refused this node")
            raise AwaitingApproval
        return self._admit(node_id, institution, proved=proved, now=now)

    def _admit(self, node_id: NodeId, institution: str, *, proved: bytes, now: float) -> Manifest:
        known, invitation = self._require_admin(), self._admission.find(proved, now=now)
        if invitation is None or not invitation.uses_left:
            raise BadCode("the invitation has expired or is used up")
        self._check_name(node_id, institution)
        if node_id not in known.members and len(known.members) >= MAX_MEMBERS:
            raise BadCode(f"a federation has at most {MAX_MEMBERS} members")
        self._admission.use(proved, now=now)
        return self._sign(known.roster.admitted(node_id, institution, epoch=known.epoch + 1), now=now)

    def _check_name(self, node_id: NodeId, institution: str) -> None:
        if problem := unfit(institution):
            raise BadCode(f"the institution's name in node.toml: {problem}")
        if any(same_name(institution, name) for other, name in self.roster().items() if other != node_id):
            raise BadCode("another member has this institution name; choose another in node.toml")

    def _manifest_for(self, node_id: NodeId) -> Manifest:
        heads = [held.manifest for held in self._require_admin().heads]
        return next((one for one in heads if one.member(node_id)), heads[0])
