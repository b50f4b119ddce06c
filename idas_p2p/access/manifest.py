"""Manifests: made by an admin, read by members.

Belongs here: signing, sealing of secrets, whether one is sound by itself. Not here: what several mean together
(heads.py), who may change the admins (charter.py), how one travels. Source: docs/spec/federation.md section 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from idas_p2p.access.charter import Charter, charter_of, proposals_of
from idas_p2p.access.roster import Roster
from idas_p2p.crypto.box import open_own, seal_to
from idas_p2p.crypto.keys import SigningKey, verify
from idas_p2p.crypto.relaying import sign_membership
from idas_p2p.errors import BadSignature, NotAMember, WireError
from idas_p2p.limits import MAX_CLOCK_SKEW
from idas_p2p.wire.federation import (
    MANIFEST_VERSION,
    Change,
    Count,
    Manifest,
    Member,
    Membership,
    Removed,
    SealedForMember,
    Secrets,
)
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import decode, encode

MANIFEST_LIFETIME = 366 * 86_400.0  # seconds; nobody can be made to install an older one; an admin renews at half
_NO_SIGNATURE = bytes(64)


class ManifestRefusal(StrEnum):
    """Why a manifest is not installed; docs/spec/federation.md section 2.3."""

    UNSORTED = "unsorted"
    OTHER_FEDERATION = "other_federation"
    BAD_CHARTER = "bad_charter"  # a change of the admins in it lacks votes, or they are not genuine
    NOT_ADMIN = "not_admin"
    ADMIN_MISSING = "admin_missing"  # it takes an admin off the roster
    NOT_NEWER = "not_newer"
    BROKEN_CHAIN = "broken_chain"
    EXPIRED = "expired"
    BAD_SIGNATURE = "bad_signature"
    NOT_NAMED = "not_named"  # what a joining node got does not name it
    NOT_SEALED = "not_sealed"  # the secrets meant for us do not open


def new_secrets(random_bytes: Callable[[int], bytes]) -> Secrets:
    """Fresh secrets for an era."""
    return Secrets(read=random_bytes(32), write=random_bytes(32), psk=random_bytes(32))


def found(
    admin: SigningKey, institution: str, name: str, *, now: float, random_bytes: Callable[[int], bytes]
) -> Manifest:
    """The first manifest of a new federation, with its founder as admin and only member."""
    return sign_manifest(
        admin,
        name=name,
        charter=Charter(random_bytes(32), admin.node_id),
        roster=Roster().admitted(admin.node_id, institution, epoch=1),
        secrets=new_secrets(random_bytes),
        era=1,
        now=now,
    )


def sign_manifest(
    admin: SigningKey,
    *,
    name: str,
    charter: Charter,
    roster: Roster,
    secrets: Secrets,
    era: int,
    now: float,
    proposals: tuple[Change, ...] = (),
    counts: Mapping[NodeId, int] | None = None,
    previous: Iterable[bytes] = (),
) -> Manifest:
    """A manifest with one admin's signature.

    Args:
        admin: its key.
        name: of the federation.
        charter: the admins.
        roster: the members; what need not be said any more is left out.
        secrets: sealed to each member.
        era: of the secrets.
        now: Unix seconds.
        proposals: changes of the admins that lack votes.
        counts: of the manifests that are known, by admin.
        previous: digests of those that this one follows.
    """
    counts = {**(counts or {})}
    counts[admin.node_id] = counts.get(admin.node_id, 0) + 1
    epoch, expires = sum(counts.values()), int(now + MANIFEST_LIFETIME)
    said = roster.pruned(charter.admins, now=now)

    def sealed(node_id: NodeId) -> bytes:
        shown = sign_membership(admin, federation=charter.federation, node=node_id, epoch=epoch, expires=expires)
        content = SealedForMember(read=secrets.read, write=secrets.write, psk=secrets.psk, membership=shown)
        return seal_to(node_id, encode(content))

    def manifest(signature: bytes) -> Manifest:
        return Manifest(
            version=MANIFEST_VERSION,
            federation=charter.federation,
            name=name,
            founder=charter.founder,
            changes=charter.changes,
            proposals=proposals_of(charter, proposals),
            counts=tuple(Count(admin=one, signed=counts[one]) for one in sorted(counts)),
            previous=tuple(sorted(set(previous))),
            era=era,
            issued=int(now),
            expires=expires,
            admin=admin.node_id,
            members=members,
            removed=tuple(Removed(node_id=one, life=end.life, until=end.until) for one, end in said.ends.items()),
            signature=signature,
        )

    members = tuple(
        Member(node_id=one, institution=seat.institution, life=seat.life, named=seat.named, sealed_secrets=sealed(one))
        for one, seat in said.seats.items()
    )
    return manifest(admin.sign(manifest(_NO_SIGNATURE).signed_bytes()))


def digest(manifest: Manifest) -> bytes:
    """BLAKE2b-256 of the manifest's bytes."""
    return hashlib.blake2b(manifest.to_bytes(), digest_size=32).digest()


def counts_of(manifest: Manifest) -> dict[NodeId, int]:
    """How many manifests of each admin it stands on, itself included."""
    return {count.admin: count.signed for count in manifest.counts}


def form_refusal(manifest: Manifest) -> ManifestRefusal | None:
    """Why a manifest is not sound by itself, its time and signature aside; None when it is."""
    lists: tuple[Sequence[NodeId | bytes], ...] = (
        [member.node_id for member in manifest.members],
        [removed.node_id for removed in manifest.removed],
        [count.admin for count in manifest.counts],
        manifest.previous,
    )
    is_sorted = all(list(one) == sorted(set(one)) for one in lists)
    if not is_sorted or manifest.admin not in counts_of(manifest):
        return ManifestRefusal.UNSORTED
    charter = charter_of(manifest)
    if not charter.is_valid() or proposals_of(charter, manifest.proposals) != manifest.proposals:
        return ManifestRefusal.BAD_CHARTER
    if manifest.admin not in charter.admins:
        return ManifestRefusal.NOT_ADMIN
    if any(manifest.member(admin) is None for admin in charter.admins):
        return ManifestRefusal.ADMIN_MISSING
    return None


def proof_refusal(manifest: Manifest, *, now: float) -> ManifestRefusal | None:
    """Why a manifest cannot be put in force at `now` (Unix seconds), whatever it says; None when it can."""
    if now >= manifest.expires + MAX_CLOCK_SKEW:
        return ManifestRefusal.EXPIRED
    try:
        verify(manifest.admin.raw, manifest.signed_bytes(), manifest.signature)
    except BadSignature:
        return ManifestRefusal.BAD_SIGNATURE
    return None


def open_secrets(manifest: Manifest, identity: SigningKey) -> Secrets:
    """Read the era's secrets with our own key.

    Raises:
        NotAMember: we are not on the roster, or what is sealed for us is not a set of secrets.
    """
    content = _open(manifest, identity)
    return Secrets(read=content.read, write=content.write, psk=content.psk)


def open_membership(manifest: Manifest, identity: SigningKey) -> Membership:
    """What we may show to a relay; errors as for `open_secrets`."""
    return Membership(
        admin=manifest.admin,
        federation=manifest.federation,
        epoch=manifest.epoch,
        expires=manifest.expires,
        signature=_open(manifest, identity).membership,
    )


def _open(manifest: Manifest, identity: SigningKey) -> SealedForMember:
    member = manifest.member(identity.node_id)
    if member is None:
        raise NotAMember("removed from the federation")
    try:
        return decode(SealedForMember, open_own(identity, member.sealed_secrets), max_size=256)
    except (BadSignature, WireError):
        raise NotAMember("the federation's secrets are not sealed to this node's key") from None
