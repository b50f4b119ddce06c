"""Manifests: made by an admin, believed by members after these checks.

Belongs here: signing, sealing of secrets, what makes one manifest the successor of another. Not here: how it travels.
Source: docs/spec/federation.md section 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum

from idas_p2p.crypto.box import open_own, seal_to
from idas_p2p.crypto.keys import SigningKey, verify
from idas_p2p.crypto.relaying import sign_membership
from idas_p2p.errors import BadSignature, NotAMember, WireError
from idas_p2p.limits import MAX_CLOCK_SKEW
from idas_p2p.wire.federation import Manifest, Member, Membership, SealedForMember, Secrets
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import decode, encode

MANIFEST_LIFETIME = 366 * 86_400.0  # seconds; nobody can be made to install an older one; the admin renews at half
_NO_SIGNATURE = bytes(64)


class ManifestRefusal(StrEnum):
    """Why a manifest is not installed; docs/spec/federation.md section 2.3."""

    OTHER_FEDERATION = "other_federation"
    NOT_NEWER = "not_newer"
    NOT_ADMIN = "not_admin"
    BAD_SIGNATURE = "bad_signature"
    BROKEN_CHAIN = "broken_chain"
    EXPIRED = "expired"
    UNSORTED = "unsorted"
    NOT_NAMED = "not_named"  # what a joining node got does not name it
    NOT_SEALED = "not_sealed"  # the secrets meant for us do not open


def new_secrets(random_bytes: Callable[[int], bytes]) -> Secrets:
    """Fresh secrets for an epoch."""
    return Secrets(read=random_bytes(32), write=random_bytes(32), psk=random_bytes(32))


def found(
    admin: SigningKey, institution: str, name: str, *, now: float, random_bytes: Callable[[int], bytes]
) -> Manifest:
    """The first manifest of a new federation, with its founder as admin and only member."""
    return _sign(
        admin,
        federation=random_bytes(32),
        name=name,
        epoch=1,
        previous=bytes(32),
        members={admin.node_id: institution},
        secrets=new_secrets(random_bytes),
        now=now,
    )


def succeed(
    admin: SigningKey, before: Manifest, members: Mapping[NodeId, str], secrets: Secrets, *, now: float
) -> Manifest:
    """The manifest of the next epoch.

    Args:
        admin: the key of the admin named in `before`.
        before: the newest manifest.
        members: institution names by NodeId, the admin's own included.
        secrets: those of `before` when members only joined; fresh ones when someone left.
        now: Unix seconds.
    """
    return _sign(
        admin,
        federation=before.federation,
        name=before.name,
        epoch=before.epoch + 1,
        previous=digest(before),
        members=members,
        secrets=secrets,
        now=now,
    )


def _sign(
    admin: SigningKey,
    *,
    federation: bytes,
    name: str,
    epoch: int,
    previous: bytes,
    members: Mapping[NodeId, str],
    secrets: Secrets,
    now: float,
) -> Manifest:
    def manifest(signature: bytes) -> Manifest:
        return Manifest(
            federation=federation,
            name=name,
            epoch=epoch,
            previous=previous,
            issued=int(now),
            expires=int(now + MANIFEST_LIFETIME),
            admin=admin.node_id,
            members=roster,
            signature=signature,
        )

    def sealed(node_id: NodeId) -> bytes:
        expires = int(now + MANIFEST_LIFETIME)
        shown = sign_membership(admin, federation=federation, node=node_id, epoch=epoch, expires=expires)
        content = SealedForMember(read=secrets.read, write=secrets.write, psk=secrets.psk, membership=shown)
        return seal_to(node_id, encode(content))

    roster = tuple(
        Member(node_id=node_id, institution=members[node_id], sealed_secrets=sealed(node_id))
        for node_id in sorted(members)
    )
    return manifest(admin.sign(manifest(_NO_SIGNATURE).signed_bytes()))


def digest(manifest: Manifest) -> bytes:
    """BLAKE2b-256 of the manifest's bytes."""
    return hashlib.blake2b(manifest.to_bytes(), digest_size=32).digest()


def check_manifest(manifest: Manifest, before: Manifest | None, *, now: float) -> ManifestRefusal | None:
    """Return why a manifest must not replace the one before, or None when it may.

    Args:
        manifest: as parsed.
        before: the newest one installed; None when joining, where the admin is known by the invitation.
        now: Unix seconds.
    """
    ids = [member.node_id for member in manifest.members]
    if ids != sorted(set(ids)):
        return ManifestRefusal.UNSORTED
    if before is not None:
        if manifest.federation != before.federation:
            return ManifestRefusal.OTHER_FEDERATION
        if manifest.admin != before.admin:
            return ManifestRefusal.NOT_ADMIN
        if manifest.epoch <= before.epoch:
            return ManifestRefusal.NOT_NEWER
        if manifest.epoch == before.epoch + 1 and manifest.previous != digest(before):
            return ManifestRefusal.BROKEN_CHAIN
    if now >= manifest.expires + MAX_CLOCK_SKEW:
        return ManifestRefusal.EXPIRED
    try:
        verify(manifest.admin.raw, manifest.signed_bytes(), manifest.signature)
    except BadSignature:
        return ManifestRefusal.BAD_SIGNATURE
    return None


def open_secrets(manifest: Manifest, identity: SigningKey) -> Secrets:
    """Read the epoch's secrets with our own key.

    Raises:
        NotAMember: we are not on the roster, or what is sealed for us is not a set of secrets.
    """
    content = _open(manifest, identity)
    return Secrets(read=content.read, write=content.write, psk=content.psk)


def open_membership(manifest: Manifest, identity: SigningKey) -> Membership | None:
    """What we may show to a relay; None where the manifest was made by a version that did not know of it.

    Raises:
        NotAMember: as for `open_secrets`.
    """
    content = _open(manifest, identity)
    if isinstance(content, Secrets):
        return None
    return Membership(
        admin=manifest.admin,
        federation=manifest.federation,
        epoch=manifest.epoch,
        expires=manifest.expires,
        signature=content.membership,
    )


def _open(manifest: Manifest, identity: SigningKey) -> SealedForMember | Secrets:
    member = manifest.member(identity.node_id)
    if member is None:
        raise NotAMember("removed from the federation")
    try:
        content = open_own(identity, member.sealed_secrets)
        with suppress(WireError):
            return decode(SealedForMember, content, max_size=256)
        return decode(Secrets, content, max_size=256)
    except (BadSignature, WireError):
        raise NotAMember("the federation's secrets are not sealed to this node's key") from None
