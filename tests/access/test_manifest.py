"""Manifests: signed by an admin, sound by themselves, and read only by those they name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.access.charter import Charter, charter_of
from idas_p2p.access.heads import Known
from idas_p2p.access.manifest import (
    ManifestRefusal,
    digest,
    form_refusal,
    found,
    new_secrets,
    open_membership,
    open_secrets,
    proof_refusal,
    sign_manifest,
)
from idas_p2p.access.roster import End, Roster, Seat, roster_of
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.relaying import is_membership
from idas_p2p.errors import NotAMember, UnsupportedVersion
from idas_p2p.limits import MAX_CLOCK_SKEW, MAX_MESSAGE_SIZE
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.federation import (
    ADD,
    MAX_ADMINS,
    MAX_CHANGES,
    MAX_MANIFEST_SIZE,
    MAX_MEMBERS,
    MAX_REMOVED,
    REMOVE,
    Manifest,
    Secrets,
)
from idas_p2p.wire.schema import encode
from tests.access.region import ANNA, BERT, CARL, EVE

NOW = 1_000.0
SECRETS = Secrets(read=b"r" * 32, write=b"w" * 32, psk=b"p" * 32)
FIRST = found(ANNA, "Anna", "Region", now=NOW, random_bytes=random_bytes)
SECOND = sign_manifest(
    ANNA,
    name="Region",
    charter=charter_of(FIRST),
    roster=roster_of(FIRST).admitted(BERT.node_id, "Bert", epoch=2),
    secrets=SECRETS,
    era=1,
    now=NOW,
    counts={ANNA.node_id: 1},
    previous=[digest(FIRST)],
)


def signed(manifest: Manifest, key: SigningKey = ANNA) -> Manifest:
    return replace(manifest, signature=key.sign(manifest.signed_bytes()))


def test_the_founder_is_admin_and_only_member() -> None:
    assert (FIRST.epoch, FIRST.previous, FIRST.admin, FIRST.founder) == (1, (), ANNA.node_id, ANNA.node_id)
    assert [member.institution for member in FIRST.members] == ["Anna"]
    assert form_refusal(FIRST) is None
    assert proof_refusal(FIRST, now=NOW) is None


def test_a_manifest_counts_itself_and_names_those_it_follows() -> None:
    assert (SECOND.epoch, SECOND.previous, SECOND.federation) == (2, (digest(FIRST),), FIRST.federation)
    assert form_refusal(SECOND) is None


def test_each_member_reads_the_secrets_and_nobody_else_does() -> None:
    assert open_secrets(SECOND, ANNA) == open_secrets(SECOND, BERT) == SECRETS
    with pytest.raises(NotAMember, match="removed"):
        open_secrets(SECOND, CARL)


def test_each_member_gets_what_shows_its_membership_to_a_relay_and_it_names_the_epoch() -> None:
    for identity in (ANNA, BERT):
        shown = open_membership(SECOND, identity)
        assert (shown.admin, shown.federation, shown.epoch) == (ANNA.node_id, SECOND.federation, 2)
        assert shown.expires == SECOND.expires
        assert is_membership(shown, node=identity.node_id)
        assert not is_membership(shown, node=CARL.node_id)
    with pytest.raises(NotAMember, match="removed"):
        open_membership(SECOND, CARL)


def test_secrets_sealed_to_another_key_are_told_from_a_removal() -> None:
    one, other = SECOND.members
    swapped = (replace(one, sealed_secrets=other.sealed_secrets), other)
    identity = ANNA if one.node_id == ANNA.node_id else BERT
    with pytest.raises(NotAMember, match="not sealed to this node"):
        open_secrets(replace(SECOND, members=swapped), identity)


@pytest.mark.parametrize(
    ("manifest", "refusal"),
    [
        (replace(SECOND, members=SECOND.members[::-1]), ManifestRefusal.UNSORTED),
        (replace(SECOND, members=SECOND.members[:1] * 2), ManifestRefusal.UNSORTED),
        (replace(SECOND, previous=(b"b" * 32, b"a" * 32)), ManifestRefusal.UNSORTED),
        (replace(SECOND, admin=BERT.node_id), ManifestRefusal.UNSORTED),
        (replace(SECOND, founder=EVE.node_id), ManifestRefusal.NOT_ADMIN),
        (
            replace(SECOND, changes=(Charter(FIRST.federation, ANNA.node_id).vote(EVE, ADD, EVE.node_id),)),
            ManifestRefusal.BAD_CHARTER,
        ),
        (
            replace(SECOND, proposals=(Charter(bytes(32), ANNA.node_id).vote(ANNA, ADD, BERT.node_id),)),
            ManifestRefusal.BAD_CHARTER,
        ),
        (
            replace(SECOND, members=tuple(m for m in SECOND.members if m.node_id != ANNA.node_id)),
            ManifestRefusal.ADMIN_MISSING,
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, ManifestRefusal) else "",
)
def test_a_manifest_that_is_not_sound_is_refused_by_name(manifest: Manifest, refusal: ManifestRefusal) -> None:
    assert form_refusal(manifest) is refusal


def test_a_manifest_expires_a_clocks_error_after_its_time() -> None:
    assert proof_refusal(SECOND, now=SECOND.expires + MAX_CLOCK_SKEW - 1) is None
    assert proof_refusal(SECOND, now=SECOND.expires + MAX_CLOCK_SKEW) is ManifestRefusal.EXPIRED


def test_a_manifest_signed_by_another_or_changed_is_refused() -> None:
    assert proof_refusal(signed(SECOND, EVE), now=NOW) is ManifestRefusal.BAD_SIGNATURE
    assert proof_refusal(replace(SECOND, era=9), now=NOW) is ManifestRefusal.BAD_SIGNATURE


def test_fresh_secrets_are_three_different_keys() -> None:
    secrets = new_secrets(random_bytes)
    assert len({secrets.read, secrets.write, secrets.psk}) == 3


def test_a_manifest_of_the_first_version_is_refused_by_name() -> None:
    first_form = pack([bytes(32), "Region", 1, bytes(32), 1, 2, ANNA.node_id.raw, [], bytes(64)])
    with pytest.raises(UnsupportedVersion, match="manifest version 1, 2 expected"):
        Manifest.from_bytes(first_form)


def test_the_fullest_manifest_fits_into_its_size_and_into_a_message() -> None:
    """Every list as long as it may be: members, removals, changes of the admins with all their votes, proposals."""
    admins = [SigningKey(number.to_bytes(32, "big")) for number in range(1, MAX_ADMINS)]
    charter = Charter(FIRST.federation, ANNA.node_id)

    def change(voters: list[SigningKey], act: int, key: SigningKey) -> Charter:
        votes = [charter.vote(voter, act, key.node_id) for voter in voters]
        every = tuple(sorted((vote for one in votes for vote in one.votes), key=lambda vote: vote.admin))
        return replace(charter, changes=(*charter.changes, replace(votes[0], votes=every)))

    for number, key in enumerate(admins):
        charter = change([ANNA, *admins[:number]], ADD, key)
    while len(charter.changes) < MAX_CHANGES - 1:
        act = REMOVE if admins[-1].node_id in charter.admins else ADD
        charter = change([ANNA, *admins[:-1]], act, admins[-1])
    name = "\U0001f3e5" * 60
    seats = {SigningKey(n.to_bytes(32, "big")).node_id: Seat(2**40, 2**40, f"{name}{n}") for n in range(1_000, 1_984)}
    seats |= {key.node_id: Seat(1, 1, f"{name}{number}") for number, key in enumerate(admins)}
    roster = Roster(
        {**seats, ANNA.node_id: Seat(1, 1, "A" * 64)},
        {SigningKey(n.to_bytes(32, "little")).node_id: End(2**40, 2**40) for n in range(256, 256 + MAX_REMOVED)},
    )
    counts = {one: 2**53 - 1 for one in [*charter.admins, *list(seats)[:60]]}
    largest = sign_manifest(
        ANNA, name="N" * 64, charter=charter, roster=roster, secrets=SECRETS, era=2**50, now=NOW, counts=counts
    )
    assert (len(largest.members), len(largest.removed)) == (MAX_MEMBERS, MAX_REMOVED)
    data = largest.to_bytes()
    assert len(data) <= MAX_MANIFEST_SIZE < MAX_MESSAGE_SIZE
    assert Manifest.from_bytes(data).to_bytes() == data


VECTORS = json.loads((Path(__file__).parents[1] / "vectors/manifests.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["comment"])
def test_the_vectors_have_their_outcomes(vector: dict[str, Any]) -> None:
    known = Known.of(Manifest.from_bytes(bytes.fromhex(one)) for one in vector["known"])
    manifest = Manifest.from_bytes(bytes.fromhex(vector["manifest"]))
    assert digest(manifest).hex() == vector["digest"]
    assert (known.refusal(manifest, now=vector["now"]) or "success") == vector["outcome"]
    if vector["outcome"] == "success":
        told, member = known.with_manifest(manifest), SigningKey(bytes.fromhex(vector["member_seed"]))
        assert {str(one): seat.institution for one, seat in told.members.items()} == vector["members"]
        assert ([str(one) for one in told.charter.admins], len(told.heads)) == (vector["admins"], vector["heads"])
        assert encode(open_secrets(told.first, member)).hex() == vector["secrets"]
        assert encode(open_membership(told.first, member)).hex() == vector["membership"]
