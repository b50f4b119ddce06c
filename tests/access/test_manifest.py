"""Manifests: believed only from the admin, only forwards, and read only by those they name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.access.manifest import (
    MANIFEST_LIFETIME,
    ManifestRefusal,
    check_manifest,
    digest,
    found,
    new_secrets,
    open_membership,
    open_secrets,
    succeed,
)
from idas_p2p.crypto.box import seal_to
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.relaying import is_membership
from idas_p2p.errors import NotAMember
from idas_p2p.limits import MAX_CLOCK_SKEW
from idas_p2p.wire.federation import MAX_MANIFEST_SIZE, MAX_MEMBERS, Manifest, Secrets
from idas_p2p.wire.schema import encode
from tests.access.region import ANNA, BERT, CARL, EVE

NOW = 1_000.0
SECRETS = Secrets(read=b"r" * 32, write=b"w" * 32, psk=b"p" * 32)
MEMBERS = {ANNA.node_id: "Anna", BERT.node_id: "Bert"}
FIRST = found(ANNA, "Anna", "Region", now=NOW, random_bytes=random_bytes)
SECOND = succeed(ANNA, FIRST, MEMBERS, SECRETS, now=NOW)


def signed(manifest: Manifest, key: SigningKey = ANNA) -> Manifest:
    return replace(manifest, signature=key.sign(manifest.signed_bytes()))


def test_the_founder_is_admin_and_only_member() -> None:
    assert (FIRST.epoch, FIRST.previous, FIRST.admin) == (1, bytes(32), ANNA.node_id)
    assert [member.institution for member in FIRST.members] == ["Anna"]
    assert check_manifest(FIRST, None, now=NOW) is None


def test_a_successor_signed_by_the_admin_is_installed() -> None:
    assert (SECOND.epoch, SECOND.previous, SECOND.federation) == (2, digest(FIRST), FIRST.federation)
    assert check_manifest(SECOND, FIRST, now=NOW) is None


def test_a_node_that_missed_epochs_takes_a_later_one() -> None:
    third = succeed(ANNA, SECOND, MEMBERS, SECRETS, now=NOW)
    assert check_manifest(third, FIRST, now=NOW) is None


def test_each_member_reads_the_secrets_and_nobody_else_does() -> None:
    assert open_secrets(SECOND, ANNA) == open_secrets(SECOND, BERT) == SECRETS
    with pytest.raises(NotAMember, match="removed"):
        open_secrets(SECOND, CARL)


def test_each_member_gets_what_shows_its_membership_to_a_relay_and_it_names_the_epoch() -> None:
    for identity in (ANNA, BERT):
        shown = open_membership(SECOND, identity)
        assert shown is not None
        assert (shown.admin, shown.federation, shown.epoch) == (ANNA.node_id, SECOND.federation, 2)
        assert shown.expires == SECOND.expires
        assert is_membership(shown, node=identity.node_id)
        assert not is_membership(shown, node=CARL.node_id)
    with pytest.raises(NotAMember, match="removed"):
        open_membership(SECOND, CARL)


def test_a_manifest_made_before_there_were_memberships_still_gives_the_secrets() -> None:
    members = tuple(replace(m, sealed_secrets=seal_to(m.node_id, encode(SECRETS))) for m in SECOND.members)
    older = signed(replace(SECOND, members=members))
    assert open_secrets(older, BERT) == SECRETS
    assert open_membership(older, BERT) is None


def test_secrets_sealed_to_another_key_are_told_from_a_removal() -> None:
    one, other = SECOND.members
    swapped = (replace(one, sealed_secrets=other.sealed_secrets), other)
    identity = ANNA if one.node_id == ANNA.node_id else BERT
    with pytest.raises(NotAMember, match="not sealed to this node"):
        open_secrets(replace(SECOND, members=swapped), identity)


@pytest.mark.parametrize(
    ("manifest", "refusal"),
    [
        (FIRST, ManifestRefusal.NOT_NEWER),
        (SECOND, ManifestRefusal.NOT_NEWER),
        (signed(replace(SECOND, epoch=3, federation=bytes(32))), ManifestRefusal.OTHER_FEDERATION),
        (signed(replace(SECOND, epoch=3, admin=EVE.node_id), EVE), ManifestRefusal.NOT_ADMIN),
        (signed(replace(SECOND, epoch=3, previous=digest(SECOND)), EVE), ManifestRefusal.BAD_SIGNATURE),
        (replace(succeed(ANNA, SECOND, MEMBERS, SECRETS, now=NOW), name="Other"), ManifestRefusal.BAD_SIGNATURE),
        (succeed(ANNA, FIRST, MEMBERS, SECRETS, now=NOW), ManifestRefusal.NOT_NEWER),
        (signed(replace(SECOND, epoch=3, previous=digest(FIRST))), ManifestRefusal.BROKEN_CHAIN),
        (signed(replace(SECOND, epoch=3, members=SECOND.members[::-1])), ManifestRefusal.UNSORTED),
        (signed(replace(SECOND, epoch=3, members=SECOND.members[:1] * 2)), ManifestRefusal.UNSORTED),
        (succeed(ANNA, SECOND, MEMBERS, SECRETS, now=NOW - 2 * MANIFEST_LIFETIME), ManifestRefusal.EXPIRED),
    ],
    ids=lambda value: str(value) if isinstance(value, ManifestRefusal) else "",
)
def test_a_manifest_that_is_no_successor_is_refused_by_name(manifest: Manifest, refusal: ManifestRefusal) -> None:
    assert check_manifest(manifest, SECOND, now=NOW) is refusal


def test_a_manifest_expires_a_clocks_error_after_its_time() -> None:
    assert check_manifest(SECOND, FIRST, now=SECOND.expires + MAX_CLOCK_SKEW - 1) is None
    assert check_manifest(SECOND, FIRST, now=SECOND.expires + MAX_CLOCK_SKEW) is ManifestRefusal.EXPIRED


def test_fresh_secrets_are_three_different_keys() -> None:
    secrets = new_secrets(random_bytes)
    assert len({secrets.read, secrets.write, secrets.psk}) == 3


def test_the_largest_federation_fits_into_a_manifest() -> None:
    members = {SigningKey(number.to_bytes(32, "big")).node_id: "\U0001f3e5" * 64 for number in range(MAX_MEMBERS)}
    largest = succeed(ANNA, FIRST, members, SECRETS, now=NOW).to_bytes()
    assert len(largest) <= MAX_MANIFEST_SIZE
    assert Manifest.from_bytes(largest).to_bytes() == largest


VECTORS = json.loads((Path(__file__).parents[1] / "vectors/manifests.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["comment"])
def test_the_vectors_have_their_outcomes(vector: dict[str, Any]) -> None:
    before, manifest = (Manifest.from_bytes(bytes.fromhex(vector[name])) for name in ("before", "manifest"))
    assert digest(manifest).hex() == vector["digest"]
    assert (check_manifest(manifest, before, now=vector["now"]) or "success") == vector["outcome"]
    if vector["outcome"] == "success":
        member = SigningKey(bytes.fromhex(vector["member_seed"]))
        assert encode(open_secrets(manifest, member)).hex() == vector["secrets"]
        assert encode(open_membership(manifest, member)).hex() == vector["membership"]
