"""What an admin changes in a federation: its members, its admins, and what two admins did at once.

Law: an admin's act is one manifest that follows everything it knows. What two admins did without knowing of each other
stays in force beside each other until one of them mends it with a manifest that follows both.
Belongs here: acts of admins. Not here: reading what is in force (standing.py), inviting (federation.py), what manifests
mean together (heads.py). Source: docs/spec/federation.md section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from idas_p2p.access.admission import Vault
from idas_p2p.access.charter import Charter
from idas_p2p.access.heads import Known
from idas_p2p.access.manifest import MANIFEST_LIFETIME, new_secrets, open_secrets, sign_manifest
from idas_p2p.access.names import means
from idas_p2p.access.roster import Roster
from idas_p2p.access.standing import Standing
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadConfiguration, NoSuchThing, NotAnAdmin
from idas_p2p.limits import MAX_CLOCK_SKEW
from idas_p2p.wire.federation import Change, Manifest
from idas_p2p.wire.ids import NodeId

_TURN: Final = 86_400.0  # seconds each admin leaves the renewal to those before it; ours: usually one signs, not all


class Administration(Standing):
    """The acts of a node that is an admin; NotAnAdmin at any other.

    Args:
        identity: the node's key.
        vault: where it is kept.
        random_bytes: a cryptographic source.
        is_first: as for Standing.
    """

    def __init__(
        self, identity: SigningKey, vault: Vault, *, random_bytes: Callable[[int], bytes], is_first: bool = True
    ) -> None:
        super().__init__(identity, vault, is_first=is_first)
        self._random_bytes = random_bytes

    def remove(self, name: str, *, now: float) -> Manifest:
        """Remove a member, by institution or NodeId, change all secrets and end the invitations that were used.

        Raises:
            NotAnAdmin: only an admin can.
            NoSuchThing: no such member.
            BadConfiguration: it is an admin.
        """
        known, gone = self._require_admin(), self._member(name)
        if gone in known.charter.admins:
            raise BadConfiguration(
                "an administrator's own node cannot be removed; end its office first: idas federation admin remove"
            )
        until = int(now + MANIFEST_LIFETIME + MAX_CLOCK_SKEW)
        return self._sign(known.roster.without(gone, until=until), is_fresh=True, now=now)

    def change_admins(self, act: int, name: str, *, now: float) -> tuple[Manifest, Change, int]:
        """Vote for a member to become an admin (ADD), or for an admin to be none any more (REMOVE).

        Returns:
            The manifest that carries the vote, the change, and how many votes it still lacks; with none, it is in force
            or, when an admin gives up its own office, is put in force by the next one that hears of it.

        Raises:
            NotAnAdmin: only admins vote.
            NoSuchThing: no such member.
            BadConfiguration: such a change is not possible.
        """
        known = self._require_admin()
        charter, subject = known.charter, self._member(name)
        change = charter.vote(self._identity, act, subject, known.proposals)
        missing = charter.votes_missing(change)
        if missing == 0 and subject != self._identity.node_id:
            return self._sign(charter=_with(charter, change), now=now), change, 0
        return self._sign(proposals=(change, *known.proposals), now=now), change, missing

    def mend(self, *, now: float) -> Manifest | None:
        """As admin, sign what follows from what others did: two at once, a vote that was the last, half a life over."""
        known = self.known
        if known is None or not self.is_admin:
            return None
        us, charter = self._identity.node_id, known.charter
        passed = [one for one in known.proposals if charter.has_passed(one) and one.subject != us]
        turn = charter.admins.index(us) * _TURN
        is_due = now >= (known.first.issued + known.first.expires) / 2 - MAX_CLOCK_SKEW + turn
        if not passed and known.is_settled() and not is_due:
            return None
        return self._sign(charter=_with(charter, passed[0]) if passed else charter, now=now)

    def _sign(
        self,
        roster: Roster | None = None,
        *,
        charter: Charter | None = None,
        proposals: tuple[Change, ...] | None = None,
        is_fresh: bool = False,
        now: float,
    ) -> Manifest:
        """Sign and put in force a manifest that follows all heads; whatever is not given stays."""
        known = self._require_admin()
        charter, first = charter or known.charter, known.first
        until = max(held.manifest.expires for held in known.heads) + int(MAX_CLOCK_SKEW)
        roster = (roster or known.roster).settled(charter.admins, until=until)
        has_left = {member.node_id for member in first.members} - roster.members(charter.admins).keys()
        is_fresh = is_fresh or bool(has_left) or first.member(self._identity.node_id) is None
        manifest = sign_manifest(
            self._identity,
            name=first.name,
            charter=charter,
            roster=roster,
            secrets=new_secrets(self._random_bytes) if is_fresh else open_secrets(first, self._identity),
            era=max(held.manifest.era for held in known.heads) + is_fresh,
            now=now,
            proposals=known.proposals if proposals is None else proposals,
            counts=known.counts,
            previous=[held.digest for held in known.heads],
        )
        self._keep(known.with_manifest(manifest), now=now)
        return manifest

    def _member(self, name: str) -> NodeId:
        for node_id, institution in self.roster().items():
            if means(name, node_id, institution):
                return node_id
        raise NoSuchThing("no member has this name")

    def _require_admin(self) -> Known:
        self.require_member()
        if not self.is_admin or self.known is None:
            raise NotAnAdmin
        return self.known


def _with(charter: Charter, change: Change) -> Charter:
    return Charter(charter.federation, charter.founder, (*charter.changes, change))
