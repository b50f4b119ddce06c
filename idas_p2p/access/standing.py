"""Where this node stands in a federation: what is in force, and the keys that follow from it.

Belongs here: reading what is known, keeping it over restarts. Not here: changing it (federation.py), what manifests
mean together (heads.py), fetching them (node/manifests.py). Source: docs/spec/federation.md section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from idas_p2p.access.admission import Admission, Vault
from idas_p2p.access.admission import psk_id as psk_id
from idas_p2p.access.blinding import Blinder
from idas_p2p.access.heads import Known
from idas_p2p.access.manifest import open_membership, open_secrets
from idas_p2p.access.subjects import Requester
from idas_p2p.crypto.box import open_sealed, seal
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadSignature, NotAMember
from idas_p2p.limits import RECORD_LIFETIME
from idas_p2p.wire.canonical import pack, unpack
from idas_p2p.wire.federation import MAX_CLOCKS, MAX_MANIFEST_SIZE, Change, Manifest, Membership, Secrets
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import Bytes32, Limit, decode, encode

_KNOWN, _BEFORE, _CHANGED = "federation.known", "federation.secrets_before", "federation.secrets_changed"
_OLD_PSKS: Final = "federation.psks_before"
_MAX_OLD_PSKS: Final = 32  # ours: a member may have been away while so many were removed
_KEYS_TO_TRY: Final = 3  # ours
_FIRST_FORM: Final = "federation.manifest"  # where manifests of version 1 were kept
_OUTDATED: Final = (
    "the federation on this node was made by an earlier version, whose manifests are not read any more; its "
    "administrator founds it again with `idas federation create` and invites the others anew"
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Psks:
    keys: Annotated[tuple[Bytes32, ...], Limit(0, _MAX_OLD_PSKS)]


class Standing:
    """One node in one federation, or in none.

    Args:
        identity: the node's key.
        vault: where it is kept.
        is_first: whether rules that name no federation speak of this one.
    """

    def __init__(self, identity: SigningKey, vault: Vault, *, is_first: bool = True) -> None:
        self._identity, self._vault, self.is_first = identity, vault, is_first
        self._vault_key = derive(identity.x25519_secret(), "idas old psks")
        self._admission = Admission(vault)
        stored = vault.value(_KNOWN)
        plain = unpack(stored, max_size=MAX_CLOCKS * (MAX_MANIFEST_SIZE + 8)) if stored else []
        self.known = Known.of(Manifest.from_bytes(one) for one in plain) if plain else None
        self._secrets = self._secrets_of(self.known)
        before = vault.value(_BEFORE)
        self._old_secrets = self._opened(Manifest.from_bytes(before) if before else None)
        self._old_psks = self._stored_psks()
        self._secrets_changed = int.from_bytes(vault.value(_CHANGED) or b"", "big")  # Unix seconds

    @property
    def manifest(self) -> Manifest | None:
        """The manifest in force: of several admins' that do not know of each other the first."""
        return self.known.first if self.known else None

    @property
    def secrets(self) -> Secrets:
        """The secrets in force.

        Raises:
            NotAMember: there are none.
        """
        if self._secrets is None:
            raise NotAMember(_OUTDATED if self.is_outdated else "")
        return self._secrets

    @property
    def is_member(self) -> bool:
        """Whether this node belongs to a federation and can use its secrets."""
        return self._secrets is not None

    @property
    def is_outdated(self) -> bool:
        """Whether all this node has is a membership in a form that is not read any more."""
        return self.known is None and bool(self._vault.value(_FIRST_FORM))

    @property
    def epoch(self) -> int:
        """The epoch in force; 0 outside a federation."""
        return self.known.epoch if self.known else 0

    @property
    def state(self) -> bytes:
        """Eight bytes that are equal for nodes that know the same; empty outside a federation."""
        return self.known.name if self.known else b""

    @property
    def is_admin(self) -> bool:
        """Whether this node may sign manifests."""
        return self._identity.node_id in self.admins()

    def admins(self) -> tuple[NodeId, ...]:
        """Who may sign manifests, in the order in which they came to it."""
        return self.known.charter.admins if self.known and self._secrets else ()

    def proposals(self) -> tuple[Change, ...]:
        """Changes of the admins that lack votes, or wait for an admin who puts them in force."""
        return self.known.proposals if self.known and self._secrets else ()

    def votes_missing(self, change: Change) -> int:
        """How many votes a proposal still needs."""
        return self.known.charter.votes_missing(change) if self.known else 0

    def require_member(self) -> Manifest:
        """The manifest in force.

        Raises:
            NotAMember: there is none, or we are not on the roster any more.
        """
        if self.known is None or self._secrets is None:
            raise NotAMember(_OUTDATED if self.is_outdated else "")
        return self.known.first

    def roster(self) -> dict[NodeId, str]:
        """The institution of every member, this node's own included; empty outside a federation."""
        members = self.known.members if self.known and self._secrets else {}
        return {node_id: seat.institution for node_id, seat in members.items()}

    def others(self) -> list[NodeId]:
        """The other members."""
        return [node_id for node_id in self.roster() if node_id != self._identity.node_id]

    def institution(self, node_id: NodeId) -> str | None:
        """The institution of a member; None for anyone else."""
        seat = self.known.members.get(node_id) if self.known and self._secrets else None
        return seat.institution if seat else None

    def requester(self, node_id: NodeId, user: str) -> Requester:
        """A member that asks for one of its users.

        Raises:
            NotAMember: it is not on the roster.
        """
        institution = self.institution(node_id)
        if institution is None:
            raise NotAMember("the asking node is not on the roster")
        name = self.require_member().name
        return Requester(
            node_id=node_id, institution=institution, user=user, federation=name, is_of_first=self.is_first
        )

    def membership(self) -> Membership | None:
        """What shows to a relay that we belong to this federation; None outside one."""
        source = self._source(self.known)
        return open_membership(source, self._identity) if source else None

    # -- keys

    def proved_by(self, proved: bytes) -> Standing:
        """The federation whose key was proved on a channel: this one, where a node is in no other (federations.py)."""
        return self

    def secrets_for(self, node_id: NodeId) -> Secrets:
        """The secrets by which to call a node; NotAMember when there are none."""
        return self.secrets

    def current_blinders(self) -> list[Blinder]:
        """Where to write in the directory: with the secrets in force."""
        return [Blinder(self._secrets)] if self._secrets else []

    def blinders(self, *, now: float) -> list[Blinder]:
        """How to find places and read claims: with the secrets in force, then those before while records may live."""
        in_force = [Blinder(self._secrets)] if self._secrets else []
        if self._old_secrets and now < self._secrets_changed + RECORD_LIFETIME:
            in_force.append(Blinder(self._old_secrets))
        return in_force

    def find_member_psk(self, wanted: bytes) -> bytes | None:
        """The pre-shared key with this id: the one in force, of another head, or one of those before."""
        return next((psk for psk in self._psks() if psk_id(psk) == wanted), None)

    def keys_to_try(self) -> list[bytes]:
        """Pre-shared keys by which a member may be reached that does not know the newest yet, likeliest first."""
        return self._psks()[:_KEYS_TO_TRY]

    def _psks(self) -> list[bytes]:
        known = [s.psk for s in (self._secrets, *self._head_secrets()) if s is not None]
        return list(dict.fromkeys([*known, *self._old_psks]))

    def is_current(self, proved: bytes) -> bool:
        """Whether a proved key is the one in force; with any other one can only bring and fetch manifests."""
        return self._secrets is not None and psk_id(self._secrets.psk) == proved

    def _head_secrets(self) -> list[Secrets | None]:
        if self.known is None or len(self.known.heads) == 1:
            return [self._secrets]
        return [self._opened(manifest) for manifest in _naming(self.known, self._identity.node_id)]

    # -- manifests for others

    def heads(self) -> list[Manifest]:
        """The manifests in force: one, or several of admins that do not know of each other's yet."""
        return [held.manifest for held in self.known.heads] if self.known else []

    def digests(self) -> tuple[bytes, ...]:
        """Of the manifests in force, for `lacking` at another node."""
        return tuple(held.digest for held in self.known.heads) if self.known else ()

    def lacking(self, digests: frozenset[bytes]) -> Manifest | None:
        """One of the manifests in force that somebody lacks who has those with these digests."""
        heads = self.known.heads if self.known else ()
        return next((held.manifest for held in heads if held.digest not in digests), None)

    def own_manifest(self) -> Manifest | None:
        """The newest manifest this node has signed as an admin."""
        held = self.known.by_admin.get(self._identity.node_id) if self.known else None
        return held.manifest if held else None

    def signed_by(self, admin: NodeId) -> int:
        """How many manifests of an admin are known, by those in force."""
        return self.known.counts.get(admin, 0) if self.known else 0

    # -- keeping

    def _keep(self, known: Known, *, now: float) -> None:
        """Put in force what is known.

        Raises:
            NotAMember: a manifest names this node, and what is sealed for it does not open; nothing has changed.
        """
        for manifest in _naming(known, self._identity.node_id):
            open_secrets(manifest, self._identity)
        secrets = self._secrets_of(known)
        if self.known is None or self.known.first.federation != known.first.federation:
            self._keep_before(None, now=now)
        else:
            if _has_removed(self.known, known):
                self._admission.end_used()  # whoever was removed may know their codes
            if secrets != self._secrets and self._secrets is not None:
                self._keep_before(self._source(self.known), now=now)
        self._vault.set_value(_KNOWN, pack([held.manifest.to_bytes() for held in known.by_admin.values()]))
        self.known, self._secrets = known, secrets

    def _stored_psks(self) -> list[bytes]:
        """Earlier pre-shared keys, latest first; who proves one is told of the manifests in force if it is a member."""
        sealed = self._vault.value(_OLD_PSKS)
        try:
            return list(decode(_Psks, open_sealed(self._vault_key, sealed), max_size=4_096).keys) if sealed else []
        except BadSignature:  # the node has another key now
            return []

    def _keep_psks(self, keys: list[bytes]) -> None:
        self._old_psks = keys[:_MAX_OLD_PSKS]
        self._vault.set_value(_OLD_PSKS, seal(self._vault_key, encode(_Psks(keys=tuple(self._old_psks)))))

    def _keep_before(self, manifest: Manifest | None, *, now: float) -> None:
        self._vault.set_value(_BEFORE, manifest.to_bytes() if manifest else b"")
        self._old_secrets = self._opened(manifest)
        self._keep_psks([self._old_secrets.psk, *self._old_psks] if self._old_secrets else [])
        self._secrets_changed = int(now)
        self._vault.set_value(_CHANGED, self._secrets_changed.to_bytes(8, "big"))

    def _forget(self) -> None:
        for key in (_KNOWN, _BEFORE, _OLD_PSKS, _FIRST_FORM):
            self._vault.set_value(key, b"")
        self.known = self._secrets = self._old_secrets = None
        self._old_psks = []

    def _source(self, known: Known | None) -> Manifest | None:
        """The manifest whose secrets this node uses: the first head that names it, while it is a member."""
        if known is None or self._identity.node_id not in known.members:
            return None
        return next(iter(_naming(known, self._identity.node_id)), None)

    def _secrets_of(self, known: Known | None) -> Secrets | None:
        source = self._source(known)
        return open_secrets(source, self._identity) if source else None

    def _opened(self, manifest: Manifest | None) -> Secrets | None:
        """The secrets in a manifest; None where this node, which may have another key now, cannot read them."""
        try:
            return open_secrets(manifest, self._identity) if manifest else None
        except NotAMember:
            return None


def _naming(known: Known, node_id: NodeId) -> list[Manifest]:
    """The heads that name a node, first of them the one with the highest rank."""
    return [held.manifest for held in known.heads if held.manifest.member(node_id)]


def _has_removed(before: Known, after: Known) -> bool:
    """Whether some membership has ended that had not."""
    ended = {node: end.life for node, end in before.roster.ends.items()}
    return any(end.life > ended.get(node, 0) for node, end in after.roster.ends.items())
